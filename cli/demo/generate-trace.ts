import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { Random } from './seeded-random.ts'
import type { UsageRequest } from './usage-request.ts'

// Quantiles of the conversation part of the Azure LLM inference trace 2023 (docs/data-sources.md).
const SHARES = [0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1]
const CONTEXT_TOKENS = [2, 29, 181, 207, 387, 403, 703, 1020, 1071, 1130, 1315, 2735, 4083, 4142, 6212, 14_050]
const GENERATED_TOKENS = [7, 16, 41, 54, 77, 91, 103, 129, 177, 384, 400, 424, 451, 601, 954, 1000]
const GAPS_MICROS = [
  2, 551, 6320, 16_129, 36_523, 60_722, 87_254, 118_424, 158_670, 213_606, 288_810, 420_740, 565_234, 888_997,
  1_430_997, 4_314_579,
]
const START_MICROS = Date.UTC(2023, 10, 16, 18, 15, 46) * 1000

/** Requests whose sizes and distances in time are spread as in the trace, about 5.5 a second from 16 November 2023 on. */
export function generateTrace(count: number, random: Random): UsageRequest[] {
  let micros = START_MICROS
  return Array.from({ length: count }, () => {
    micros += drawFrom(GAPS_MICROS, random)
    return {
      timestamp: isoOfMicros(micros),
      contextTokens: drawFrom(CONTEXT_TOKENS, random),
      generatedTokens: drawFrom(GENERATED_TOKENS, random),
    }
  })
}

// Straight lines between the quantiles; their mean is within 3 % of the trace's.
function drawFrom(quantiles: readonly number[], random: Random): number {
  const share = random()
  const upper = SHARES.findIndex((bound) => bound > share)
  const [from = 0, to = 1] = [SHARES[upper - 1], SHARES[upper]]
  const [low = 0, high = 0] = [quantiles[upper - 1], quantiles[upper]]
  return Math.round(low + ((share - from) / (to - from)) * (high - low))
}
