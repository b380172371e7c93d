/**
 * Whether an error says that the database or the queue could not be reached, and nothing about what was asked of it:
 * the same will succeed once the server is back.
 */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  return (typeof code === 'string' && CODES.test(code)) || MESSAGES.test(error.message)
}

// Of Postgres: class 08 is a broken connection, 57P a server that stops or starts, 53300 one that is full.
const CODES = /^(?:08...|57P..|53300|ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|ETIMEDOUT)$/
const MESSAGES =
  /^(?:Connection terminated|Connection is closed|timeout exceeded when trying to connect|Client has encountered a connection error)/
