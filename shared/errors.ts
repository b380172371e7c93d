/**
 * Every error Tabkeeper can answer with. The code is API and never changes its meaning; `retryable` says whether a
 * worker may run the same job again without a change of input.
 */
export const ERRORS = {
  validation_error: { status: 422, retryable: false },
  bad_request: { status: 400, retryable: false },
  malformed_request: { status: 400, retryable: true },
  unauthorized: { status: 401, retryable: false },
  forbidden: { status: 403, retryable: false },
  api_key_not_found: { status: 404, retryable: false },
  api_key_in_use: { status: 409, retryable: false },
  not_found: { status: 404, retryable: false },
  method_not_allowed: { status: 405, retryable: false },
  request_timeout: { status: 408, retryable: true },
  payload_too_large: { status: 413, retryable: false },
  headers_too_large: { status: 431, retryable: false },
  expectation_failed: { status: 417, retryable: false },
  unsupported_media_type: { status: 415, retryable: false },
  billable_metric_exists: { status: 409, retryable: false },
  billable_metric_not_found: { status: 404, retryable: false },
  billable_metric_filter_exists: { status: 409, retryable: false },
  billable_metric_filter_not_found: { status: 404, retryable: false },
  usage_archived: { status: 409, retryable: false },
  usage_report_too_large: { status: 422, retryable: false },
  price_too_large: { status: 422, retryable: false },
  invalid_reference: { status: 400, retryable: false },
  plan_exists: { status: 409, retryable: false },
  plan_not_found: { status: 404, retryable: false },
  plan_version_not_found: { status: 404, retryable: false },
  plan_archived: { status: 409, retryable: false },
  customer_exists: { status: 409, retryable: false },
  customer_not_found: { status: 404, retryable: false },
  currency_mismatch: { status: 409, retryable: false },
  subscription_exists: { status: 409, retryable: false },
  subscription_not_found: { status: 404, retryable: false },
  subscription_ended: { status: 409, retryable: false },
  invoice_not_found: { status: 404, retryable: false },
  credit_note_not_found: { status: 404, retryable: false },
  invoice_not_draft: { status: 409, retryable: false },
  issuer_not_found: { status: 404, retryable: false },
  transaction_conflict: { status: 409, retryable: false },
  event_not_found: { status: 404, retryable: false },
  event_voided: { status: 409, retryable: false },
  event_unchanged: { status: 409, retryable: false },
  period_closed: { status: 409, retryable: false },
  event_correction_conflict: { status: 409, retryable: false },
  unprocessed_event_not_found: { status: 404, retryable: false },
  unprocessed_event_final: { status: 409, retryable: false },
  webhook_endpoint_not_found: { status: 404, retryable: false },
  webhook_endpoint_disabled: { status: 409, retryable: false },
  webhook_message_not_found: { status: 404, retryable: false },
  test_clock_exists: { status: 409, retryable: false },
  test_clock_not_found: { status: 404, retryable: false },
  test_clock_advancing: { status: 409, retryable: true },
  test_clock_backwards: { status: 422, retryable: false },
  organization_is_live: { status: 409, retryable: false },
  too_many_requests: { status: 429, retryable: true },
  ingest_overloaded: { status: 429, retryable: true },
  server_overloaded: { status: 503, retryable: true },
  queue_unavailable: { status: 503, retryable: true },
  database_unavailable: { status: 503, retryable: true },
  internal_error: { status: 500, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>

export type ErrorCode = keyof typeof ERRORS

/** One reason why an input was refused: where it stands, what is wrong, and a stable type. */
export interface Issue {
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly type: string
}

/** An error with a code of the table; the message names the thing and the fix. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly issues: readonly Issue[] | undefined
  /** Whole seconds after which the same request may succeed. */
  retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, issues?: readonly Issue[]) {
    super(message)
    this.name = 'AppError'
    this.code = code
    this.issues = issues
  }

  get status(): number {
    return ERRORS[this.code].status
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }
}

/** The most faults that one answer names, so that a hostile request gets no answer longer than itself. */
export const MAX_ISSUES = 50

// As long as the longest name that anything may have.
const MAX_PART_LENGTH = 255

/** The issue with the names in its path cut: an unknown field may have one as long as the request. */
export function shortIssue({ loc, ...issue }: Issue): Issue {
  return { loc: loc.map((part) => (typeof part === 'string' ? part.slice(0, MAX_PART_LENGTH) : part)), ...issue }
}

/** The refusal of an input, one issue per fault up to `MAX_ISSUES`. */
export function validationError(issues: readonly Issue[]): AppError {
  const named = issues.slice(0, MAX_ISSUES).map(shortIssue)
  const message = named.map((issue) => `${issue.loc.join('.')}: ${issue.msg}`).join('; ')
  return new AppError('validation_error', message, named)
}

/** States what must hold. A failure is a bug: the job fails and its row is kept. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}
