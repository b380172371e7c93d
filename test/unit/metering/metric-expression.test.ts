import { describe, expect, test } from 'vitest'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import type { AggregationName } from '../../../shared/metering/aggregations.ts'
import { contributionOf } from '../../../shared/metering/contribution.ts'
import { measureUsage } from '../../../shared/metering/measure-usage.ts'
import { metricIssues } from '../../../shared/metering/metric-definition.ts'

function contribution(aggregation: AggregationName, expression: string, properties: string) {
  const event = {
    code: 'compute',
    timestampMicros: 1_772_539_200_250_000,
    properties: parseExactJson(properties) as Record<string, unknown>,
  }
  return contributionOf(event, { aggregation, fieldName: null, expression })
}

describe('the expression of a sum', () => {
  test.each([
    ['round(event.properties.value * event.properties.units)', '{"value":10.4,"units":2}', '21'],
    ['event.properties.a.b * 2', '{"a":{"b":"1.5"}}', '3'],
    ['properties["a.b"] + 0', '{"a.b":90071992547409930}', '90071992547409930'],
    ['event.timestamp', '{}', '1772539200.25'],
    ['event.code == "compute" ? 1 : 0', '{}', '1'],
    ['properties.a / 3', '{"a":1}', `0.${'3'.repeat(30)}`],
    ['properties.tier == "gold" ? 0 : properties.n', '{"tier":"gold"}', '0'],
    ['concat(properties.a, ".5")', '{"a":3}', '3.5'],
  ])('%s of %s is %s', (expression, properties, value) => {
    expect(contribution('sum', expression, properties)).toEqual({ value })
  })

  test.each([
    ['properties.a * 2', '{}', 'value_missing', { field: 'properties.a' }],
    ['properties.a * 2', '{"a":null}', 'value_missing', { field: 'properties.a' }],
    ['properties.a', '{"b":1}', 'value_missing', { field: 'properties.a' }],
    ['properties.a * 2', '{"a":"ten"}', 'value_not_a_number', { field: 'properties.a', value: '"ten"' }],
    ['concat(properties.a, "x")', '{"a":3}', 'value_not_a_number', { field: 'expression', value: '"3x"' }],
    ['1 / properties.a', '{"a":0.0}', 'expression_failed', { fault: 'division_by_zero' }],
    ['properties.a * properties.a', '{"a":1e20}', 'expression_failed', { fault: 'number_too_large' }],
  ])('%s has no value for %s: %s', (expression, properties, reason, details) => {
    expect(contribution('sum', expression, properties)).toEqual({ reason, details })
  })
})

test('a distinct count may join properties into its item', () => {
  const expression = 'concat(properties.user, "-", properties.app)'
  expect(contribution('unique_count', expression, '{"user":"u1","app":7}')).toEqual({ value: 'u1-7' })
  expect(contribution('unique_count', expression, '{"user":"u1"}')).toMatchObject({ reason: 'value_missing' })
})

function customUnits(expression: string, ...properties: string[]): string {
  const events = properties.map((json, index) => ({
    value: '1',
    timestampMicros: index * 1_000_000,
    amountMinor: null,
    properties: parseExactJson(json) as Record<string, unknown>,
  }))
  const metric = { aggregation: 'custom' as const, rounding: null, percentile: null, expression }
  const window = { startMicros: 0, endMicros: 10 ** 9, periodMicros: 10 ** 9 }
  return measureUsage(metric, { parts: [], carried: [], events }, window).units.toFixed()
}

describe('a custom metric', () => {
  test.each([
    ['sum(event.properties.a * event.properties.b) - largest(properties.a)', '5'],
    ['sum(properties.a) / events_count', '2'],
    ['count(properties.a > 1) * 100 + distinct(properties.c)', '201'],
    ['latest(properties.a) - smallest(properties.a)', '2'],
    ['largest(timestamp) - smallest(event.timestamp)', '2'],
    ['events_count > 2 ? 7 : 0', '7'],
  ])('with %s has %s units', (expression, units) => {
    const events = ['{"a":1,"b":2,"c":"x"}', '{"a":2,"b":0,"c":"x"}', '{"a":3,"b":2}']
    expect(customUnits(expression, ...events)).toBe(units)
  })

  test('has units without events, whatever it divides by', () => {
    expect(customUnits('sum(properties.a) / events_count')).toBe('0')
  })

  test('does not count an event that one of its functions cannot use', () => {
    const expression = 'sum(properties.a) + count(properties.b) + distinct(properties.c)'
    expect(contribution('custom', expression, '{"a":1}')).toEqual({ value: '1' })
    expect(contribution('custom', expression, '{"b":1}')).toEqual({
      reason: 'value_missing',
      details: { field: 'properties.a' },
    })
    expect(contribution('custom', 'sum(1 / properties.a)', '{"a":0}')).toMatchObject({ reason: 'expression_failed' })
  })
})

describe('a definition is refused', () => {
  const define = (aggregation: AggregationName, fieldName: string | null, expression: string | null) =>
    metricIssues({ aggregation, fieldName, expression, recurring: false, percentile: null }).map(
      ({ loc, type, msg }) => `${loc.join('.')} ${type} ${msg}`,
    )
  test.each<[AggregationName, string | null, string | null, string]>([
    ['sum', null, null, 'body.field_name missing'],
    ['count', null, 'properties.a', 'body.expression field_unused'],
    ['custom', null, null, 'body.expression missing'],
    ['custom', 'a', 'sum(properties.a)', 'body.field_name field_unused'],
    ['custom', null, 'properties.a', 'body.expression expression_unknown "properties" is not an object here'],
    ['sum', null, 'sum(properties.a)', 'body.expression expression_unknown "sum" is not a function here'],
    ['sum', null, 'properties.a +', 'body.expression expression_syntax'],
  ])('%s of field %s and expression %s: %s', (aggregation, fieldName, expression, expected) => {
    const issues = define(aggregation, fieldName, expression)
    expect(issues).toHaveLength(1)
    expect(issues[0]).toContain(expected)
  })

  test('with the place of the fault', () => {
    expect(define('sum', null, '2 * customer.id')).toEqual([
      'body.expression expression_unknown "customer" is not an object here; known are properties (at character 5)',
    ])
  })
})

test('a definition may name a field beside its expression, which then gives the value', () => {
  const metric = { aggregation: 'sum' as const, fieldName: 'v', expression: 'properties.v * 2' }
  expect(metricIssues({ ...metric, recurring: true, percentile: null })).toEqual([])
  const event = { code: 'c', timestampMicros: 0, properties: { v: 4 } }
  expect(contributionOf(event, metric)).toEqual({ value: '8' })
})
