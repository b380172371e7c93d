import { callBack } from './call-back.ts'
import type { ClientError } from './client-error.ts'
import type { ClientOptions } from './client-options.ts'

/** Tells an error to whoever wants to hear of it, without ever failing itself. */
export type ReportError = (error: ClientError) => void

/** Calls `onError`; without one, or when it throws, the error is a warning of the process. */
export function errorReporter(onError: ClientOptions['onError']): ReportError {
  return (error) => {
    if (onError !== undefined && callBack('onError', () => onError(error))) return
    process.emitWarning(error.message, { type: 'TabkeeperWarning', code: error.code })
  }
}
