import { describe, expect, test } from 'vitest'
import type { ComponentUsage } from '../../../shared/invoicing/components.ts'
import { type ProjectedMetric, projectUsage } from '../../../shared/invoicing/project-usage.ts'
import type { AggregationName } from '../../../shared/metering/aggregations.ts'
import { decimal, ZERO } from '../../../shared/money/decimal.ts'

const usageOf = (units: string, about: Partial<ComponentUsage> = {}): ComponentUsage => ({
  units: decimal(units),
  eventsCount: 4n,
  filterId: null,
  groupedBy: {},
  ...about,
})

const metric = (aggregation: AggregationName, about: Partial<ProjectedMetric> = {}): ProjectedMetric => ({
  aggregation,
  rounding: null,
  recurring: false,
  ...about,
})

test.each<AggregationName>(['count', 'sum', 'unique_count', 'custom'])('units of a %s grow with time', (name) => {
  const { units, eventsCount } = projectUsage(usageOf('10'), metric(name), decimal('2.5'))
  expect([units.toFixed(), eventsCount]).toEqual(['25', 10n])
})

test.each<AggregationName>(['max', 'min', 'avg', 'latest', 'percentile', 'weighted_sum'])(
  'units of a %s stay as they are',
  (name) => {
    expect(projectUsage(usageOf('10'), metric(name), decimal('2.5'))).toEqual(usageOf('10'))
  },
)

test('what is carried over does not grow', () => {
  expect(projectUsage(usageOf('10'), metric('sum', { recurring: true }), decimal('2.5'))).toEqual(usageOf('10'))
})

test('units are rounded as the metric says', () => {
  const rounding = { mode: 'ceil', precision: 0 } as const
  expect(projectUsage(usageOf('3'), metric('sum', { rounding }), decimal('1.1')).units.toFixed()).toBe('4')
})

describe('usage of which a price sees more than the units', () => {
  const events = ['1', '9'].map((value) => ({ value: decimal(value), amountMinor: decimal(value).times(100) }))

  test('events come again, and once more by the rest, so that they add up to the units', () => {
    const { units, events: all = [] } = projectUsage(usageOf('10', { events }), metric('sum'), decimal('2.5'))
    expect(all.map(({ value, amountMinor }) => [value.toFixed(), amountMinor?.toFixed()])).toEqual([
      ['1', '100'],
      ['9', '900'],
      ['1', '100'],
      ['9', '900'],
      ['0.5', '50'],
      ['4.5', '450'],
    ])
    expect(all.reduce((sum, { value }) => sum.plus(value), ZERO).eq(units)).toBe(true)
  })

  test('at the very beginning of a period they grow instead, so that there are not too many', () => {
    const { events: all = [] } = projectUsage(usageOf('10', { events }), metric('sum'), decimal('1000000'))
    expect(all.map(({ value }) => value.toFixed())).toEqual(['1000000', '9000000'])
  })

  test('windows to come are as the mean of those that have begun', () => {
    const windows = ['2', '4'].map((units) => ({ units: decimal(units), eventsCount: 2n }))
    const usage = projectUsage(usageOf('6', { windows }), metric('sum'), decimal('2.5'))
    expect(usage.windows?.map(({ units }) => units.toFixed())).toEqual(['2', '4', '3', '3', '3'])
    expect(usage.units.toFixed()).toBe('15')
  })

  test('every cell of a matrix grows', () => {
    const cells = [{ values: ['eu', 'large'], units: decimal('4') }] as const
    const usage = projectUsage(usageOf('4', { cells }), metric('sum'), decimal('1.5'))
    expect(usage.cells).toEqual([{ values: ['eu', 'large'], units: decimal('6') }])
  })
})
