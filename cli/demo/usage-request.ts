/** One request to a language model: what a trace holds and the generator makes. */
export interface UsageRequest {
  /** RFC 3339, UTC, with as many digits as were recorded. */
  readonly timestamp: string
  readonly contextTokens: number
  readonly generatedTokens: number
}
