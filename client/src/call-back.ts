/**
 * Calls what a user has given, which must not harm the client: what it throws, or rejects with later, is a warning of the
 * process. Answers whether it was called without throwing.
 */
export function callBack(name: string, call: () => unknown): boolean {
  const warn = (thrown: unknown): void => process.emitWarning(`${name} threw: ${String(thrown)}`, 'TabkeeperWarning')
  try {
    Promise.resolve(call()).catch(warn)
    return true
  } catch (thrown) {
    warn(thrown)
    return false
  }
}
