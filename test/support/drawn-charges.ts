import fc from 'fast-check'
import { decimals, PROPERTIES, propertiesOf } from './drawn-properties.ts'
import { looksAtEvents } from './reference-prices.ts'
import { PRICED_METRICS, type PricedMetric } from './reference-units.ts'
import type { DrawnCharge, DrawnFilter, SentModifiers } from './sent-charge.ts'

/** Properties of events that filters of every metric tell apart, with the values that they know. */
export const FILTER_VALUES = { region: ['eu', 'us'], size: ['s', 'l'] } as const

const conditionLists: readonly DrawnFilter['conditions'][] = [
  [{ key: 'region', values: ['eu'] }],
  [{ key: 'region', values: FILTER_VALUES.region }],
  [{ key: 'size', values: ['l'] }],
  [{ key: 'size', values: FILTER_VALUES.size }],
  [
    { key: 'region', values: ['us'] },
    { key: 'size', values: ['l'] },
  ],
  [
    { key: 'size', values: FILTER_VALUES.size },
    { key: 'region', values: ['eu'] },
  ],
]

function filtersOf(model: string): fc.Arbitrary<DrawnFilter[]> {
  const entry = fc.record({
    conditions: fc.constantFrom(...conditionLists),
    properties: fc.option(propertiesOf(model), { nil: undefined }),
  })
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant<DrawnFilter[]>([]) },
    { weight: 2, arbitrary: fc.uniqueArray(entry, { selector: ({ conditions }) => conditions, maxLength: 3 }) },
  )
}

type SentWindows = NonNullable<SentModifiers['windows']>

const sometimes = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })

const unitModifiers = fc.record({
  free_units: sometimes(decimals(30, 1)),
  unit_conversion: sometimes(
    fc
      .record({
        operation: fc.constantFrom('multiply', 'divide'),
        factor: fc.constantFrom('0.5', '1.5', '4', '7'),
        rounding: fc.oneof(
          fc.constant({ rounding_mode: null }),
          fc.record({
            rounding_mode: fc.constantFrom('round', 'ceil', 'floor'),
            precision: fc.integer({ min: -1, max: 2 }),
          }),
        ),
      })
      .map(({ rounding, ...conversion }) => ({ ...conversion, ...rounding })),
  ),
})

const amountModifiers = fc
  .record({
    pricing_unit: sometimes(fc.record({ code: fc.constant('credits'), conversion_rate: fc.constantFrom('0.3', '2') })),
    percentage_discount: sometimes(decimals(100, 1)),
    max_amount_cents: sometimes(fc.integer({ min: 0, max: 40_000 })),
    min_amount_cents: sometimes(fc.integer({ min: 0, max: 20_000 })),
  })
  .map(({ max_amount_cents: maximum, min_amount_cents: minimum, ...others }) => ({
    ...others,
    max_amount_cents: maximum === undefined ? undefined : maximum + (minimum ?? 0),
    min_amount_cents: minimum,
  }))

const matrix = fc.record({
  dimensions: fc.constantFrom(['region', 'size'] as const, ['size', 'meta.tier'] as const),
  prices: fc.uniqueArray(
    fc.record({
      values: fc.tuple(fc.constantFrom('eu', 's', 'l'), fc.constantFrom('s', 'l', '1')),
      amount: decimals(10, 3),
    }),
    { selector: ({ values }) => values.join(), minLength: 1, maxLength: 5 },
  ),
})

const windows = fc.record({
  size: fc.constantFrom('minute', 'hour', 'hour', 'day', 'day', 'day', 'week', 'week', 'month'),
  commitment: sometimes(
    fc
      .record({
        ofUnits: fc.boolean(),
        promised: decimals(20, 1),
        overage_factor: fc.constantFrom('1', '1.5', '3'),
        true_up: fc.boolean(),
      })
      .map(({ ofUnits, promised, ...about }) => ({
        ...about,
        ...(ofUnits ? { units: promised } : { amount: promised }),
      })),
  ),
})

const KEPT_WITH_EVENTS: readonly string[] = ['count', 'volume', 'product']
const PRORATED = ['standard', 'graduated', 'volume']

/** A charge of any model on any metric, with modifiers that go with it and with one another. */
export const drawnCharge: fc.Arbitrary<DrawnCharge> = fc.constantFrom(...Object.keys(PROPERTIES)).chain((model) =>
  fc
    .record({
      properties: propertiesOf(model),
      filters: filtersOf(model),
      place: fc.nat(),
      kind: fc.constantFrom('plain', 'plain', 'matrix', 'windows', 'prorated'),
      unitModifiers,
      amountModifiers,
      matrix,
      windows,
    })
    .map(({ properties, filters, place, kind, ...drawn }) => {
      const charges = [properties, ...filters.map((filter) => filter.properties ?? {})]
      const ofEvents = charges.some((one) => looksAtEvents({ model, properties: one }))
      const isGrouped = filters.length > 0 || properties['pricing_group_keys'] !== undefined
      const metrics = PRICED_METRICS.filter((metric) => goesWith(metric, { model, kind, ofEvents }))
      const { metric, ...modifiers } = {
        metric: metrics[place % metrics.length] as PricedMetric,
        ...drawn.amountModifiers,
        ...(ofEvents || isProrated(model, kind) ? {} : drawn.unitModifiers),
        ...(kind === 'matrix' && model === 'standard' ? { matrix: drawn.matrix, free_units: undefined } : {}),
        ...(kind === 'windows' ? { windows: windowsOf(drawn.windows, { isGrouped, ofEvents }) } : {}),
        ...(isProrated(model, kind) ? { prorated: true } : {}),
      }
      return { model, properties, filters, metric, modifiers: JSON.parse(JSON.stringify(modifiers)) as SentModifiers }
    }),
)

// A commitment is one for the whole charge; units that are promised are no events.
function windowsOf(
  {
    size,
    commitment,
  }: { readonly size: SentWindows['size']; readonly commitment: SentWindows['commitment'] | undefined },
  { isGrouped, ofEvents }: { isGrouped: boolean; ofEvents: boolean },
): SentModifiers['windows'] {
  if (commitment === undefined || isGrouped) return { size }
  const { units, ...about } = commitment
  return { size, commitment: ofEvents && units !== undefined ? { ...about, amount: units } : commitment }
}

function isProrated(model: string, kind: string): boolean {
  return kind === 'prorated' && PRORATED.includes(model)
}

function goesWith(
  { code, about }: PricedMetric,
  { model, kind, ofEvents }: { model: string; kind: string; ofEvents: boolean },
): boolean {
  if (ofEvents) return KEPT_WITH_EVENTS.includes(code)
  if (isProrated(model, kind)) return code === 'held_sum' || code === 'held_items'
  return kind !== 'windows' || about.recurring !== true
}
