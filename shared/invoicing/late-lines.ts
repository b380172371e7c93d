import type { BillingPeriod } from '../calendar/billing-period.ts'
import { localDate } from '../calendar/local-day.ts'
import { assert } from '../errors.ts'
import { type Exact, ZERO } from '../money/decimal.ts'
import { fromMinor } from '../money/round.ts'
import { divideForDisplay } from '../pricing/pricing.ts'
import type { PortionName, RateComponent, UsageComponent } from './components.ts'
import { describeMinimum } from './minimum-spend-line.ts'
import { describePortion, unorderedPortionKey, WHOLE } from './portions.ts'
import type { CorrectedKind, RatedLine } from './rated-line.ts'
import { sliceAmountMinor } from './slice-amount.ts'

/** What one invoice billed of a portion of a closed period, or of the minimum of a charge; or what was given back of it. */
export interface BilledPart {
  /** The invoice; of a credit note the one that it names. */
  readonly documentId: string
  readonly kind: CorrectedKind
  readonly componentId: string
  readonly portion: PortionName
  readonly units: Exact
  readonly eventsCount: bigint
  readonly amountMinor: bigint
}

/** A closed period as it is rated now, and all that was billed of it so far. */
export interface ClosedPeriod {
  /** The invoice that the period had. */
  readonly invoiceId: string
  readonly period: BillingPeriod
  readonly timeZone: string
  readonly currency: string
  readonly components: readonly (RateComponent | UsageComponent)[]
  /** Every line of the rating engine. */
  readonly rated: readonly RatedLine[]
  readonly billed: readonly BilledPart[]
}

/**
 * The difference between what a closed period costs now and what was billed of it (law 10), portion by portion. Late
 * events, corrected ones, tiers, windows and minimums all follow from that. Where the amount is the same there is no line,
 * so unchanged usage makes none; units that cost nothing come along with the next that do.
 */
export function lateLines(closed: ClosedPeriod): RatedLine[] {
  const billed = Map.groupBy(closed.billed, partKey)
  const rated = closed.rated.filter(isCorrectable)
  const known = new Set(rated.map((line) => partKey(partOf(line))))
  const gone = [...billed].flatMap(([key, [part]]) =>
    part === undefined || known.has(key) ? [] : [unusedLine(part, closed)],
  )
  return [...rated, ...gone].flatMap((line) => differenceOf(line, billed.get(partKey(partOf(line))) ?? [], closed))
}

type CorrectableLine = RatedLine & { readonly kind: CorrectedKind }

function isCorrectable(line: RatedLine): line is CorrectableLine {
  return line.kind === 'usage' || line.kind === 'minimum_spend'
}

function partOf({ kind, componentId, portion = WHOLE }: CorrectableLine) {
  return { kind, componentId, portion }
}

function partKey({ kind, componentId, portion }: Pick<BilledPart, 'kind' | 'componentId' | 'portion'>): string {
  return `${kind}/${componentId}/${unorderedPortionKey(portion)}`
}

// What was billed and is not used any more.
function unusedLine(
  { kind, componentId, portion }: BilledPart,
  { components, currency, period }: ClosedPeriod,
): CorrectableLine {
  const component = components.find(({ id }) => id === componentId)
  assert(component?.kind === 'usage', `component ${componentId} was billed for usage and has none`)
  return {
    kind,
    componentId,
    description: kind === 'usage' ? describePortion(component, portion) : describeMinimum(component),
    portion,
    metricCode: component.metric.code,
    units: ZERO,
    eventsCount: 0n,
    unitAmount: ZERO,
    amount: ZERO,
    amountMinor: 0n,
    currency,
    steps: [],
    periodStart: period.start,
    periodEnd: period.end,
  }
}

function differenceOf(line: CorrectableLine, billed: readonly BilledPart[], closed: ClosedPeriod): RatedLine[] {
  const { currency } = line
  const billedMinor = billed.reduce((sum, part) => sum + part.amountMinor, 0n)
  const amountMinor = sliceAmountMinor({ cumulative: line.amount, billedMinor, currency })
  if (amountMinor === 0n) return []
  const units = billed.reduce((sum, part) => sum.minus(part.units), line.units)
  const amount = line.amount.minus(fromMinor(billedMinor, currency))
  const { proration: _proration, ...rest } = line
  return [
    {
      ...rest,
      kind: amountMinor > 0n ? 'late_usage' : 'usage_credit',
      description: `${line.description}, ${daysOf(closed)}`,
      units,
      eventsCount: billed.reduce((sum, part) => sum - part.eventsCount, line.eventsCount),
      unitAmount: divideForDisplay(amount, units),
      amount,
      amountMinor,
      adjustments: [...(line.adjustments ?? []), { kind: 'billed_before', amount: fromMinor(-billedMinor, currency) }],
      corrects: { invoiceId: closed.invoiceId, kind: line.kind, billedMinor: byDocument(billed) },
    },
  ]
}

function byDocument(billed: readonly BilledPart[]): ReadonlyMap<string, bigint> {
  const sums = new Map<string, bigint>()
  for (const { documentId, amountMinor } of billed) sums.set(documentId, (sums.get(documentId) ?? 0n) + amountMinor)
  return sums
}

// The local days of the period, the last one included.
function daysOf({ period: { start, end }, timeZone }: ClosedPeriod): string {
  return `${localDate(start, timeZone)} to ${localDate(end.subtract({ nanoseconds: 1 }), timeZone)}`
}
