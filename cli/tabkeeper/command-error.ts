/** What the command ends with; documented, so that scripts may rely on it. */
export const EXIT_CODES = { done: 0, different: 1, usage: 2, unreachable: 3, failed: 4 } as const

/** An end that is not a bug: the message says what to do. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(reason: Exclude<keyof typeof EXIT_CODES, 'done'>, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
    this.exitCode = EXIT_CODES[reason]
  }
}
