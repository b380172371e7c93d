import Type from 'typebox'
import { stepRecords } from '../../db/invoices/step-records.ts'
import { type Issue, validationError } from '../../shared/errors.ts'
import type { RatedLine } from '../../shared/invoicing/rated-line.ts'
import { decimalOf } from '../../shared/json/exact-json.ts'
import { type Exact, ZERO } from '../../shared/money/decimal.ts'
import type { UnitRange } from '../../shared/plans/simulate-curve.ts'
import type { MeteredEvent } from '../../shared/pricing/metered-usage.ts'
import { Cents, Decimal, DecimalInput, Input, JsonObject, jsonInteger, Nullable, Output } from './common.ts'
import { PricingStep, RatedLineAnswer } from './line.ts'
import { PLAN_FIELDS } from './plan.ts'

const MAX_POINTS = 200
const POINTS = 11

const CurveRange = Input('CurveRange', {
  charge: Type.String({ minLength: 1, description: 'A metric code or a charge id.' }),
  from: Type.Optional(DecimalInput),
  to: DecimalInput,
  points: Type.Optional(
    Type.Integer({
      minimum: 2,
      maximum: MAX_POINTS,
      default: POINTS,
      description: 'How many quantities, evenly spaced, both ends included.',
    }),
  ),
})

const MAX_EVENTS = 1_000

const SimulatedEvent = Input('SimulatedEvent', {
  value: DecimalInput,
  precise_total_amount_cents: Type.Optional(DecimalInput),
  properties: Type.Optional(JsonObject),
})

const SIMULATION = {
  units: Type.Optional(
    Type.Record(Type.String(), DecimalInput, {
      description:
        'What is used in a whole period, by metric code, charge id or charge filter id; nothing where left out.',
    }),
  ),
  events: Type.Optional(
    Type.Record(Type.String(), Type.Array(SimulatedEvent, { minItems: 1, maxItems: MAX_EVENTS }), {
      description:
        'Single events by metric code, charge id or filter id, for prices that depend on them. Without them all units are those of one event.',
    }),
  ),
  range: Type.Optional(CurveRange),
}

export const PlanSimulate = Input('PlanSimulate', SIMULATION, {
  examples: [{ units: { input_tokens: '1500000' }, range: { charge: 'input_tokens', to: '2000000', points: 5 } }],
})

export const UnsavedPlanSimulate = Input('UnsavedPlanSimulate', { ...PLAN_FIELDS, ...SIMULATION })

const CurvePoint = Output('CurvePoint', {
  units: Decimal,
  amount: Type.String({ description: 'Major units, exact, before the one rounding.' }),
  amount_cents: Cents,
  steps: Type.Array(PricingStep),
})

export const PlanSimulationAnswer = Output('PlanSimulation', {
  plan_code: Type.String(),
  currency: Type.String(),
  lines: Type.Array(RatedLineAnswer),
  subtotal_cents: Cents,
  total_cents: Cents,
  curve: Nullable(Type.Array(CurvePoint, { description: 'What the charge of the range costs; null without a range.' })),
})

/** What is to be priced, by metric code, charge id or filter id. */
export interface SimulatedUsage {
  readonly units: ReadonlyMap<string, Exact>
  readonly events: ReadonlyMap<string, readonly MeteredEvent[]>
  readonly range: (UnitRange & { readonly charge: string }) | undefined
}

type SimulationBody = Type.Static<typeof PlanSimulate>

/** Reads the quantities of a simulation. Throws `validation_error` naming every one that is none. */
export function readSimulatedUsage({ units = {}, events = {}, range }: SimulationBody): SimulatedUsage {
  const issues: Issue[] = []
  const read = new Map(
    Object.entries(units).map(([key, value]) => [key, readUnits(value, ['body', 'units', key], issues)]),
  )
  const listed = new Map(
    Object.entries(events).map(([key, list]) => [
      key,
      list.map((event, index) => readEvent(event, ['body', 'events', key, index], issues)),
    ]),
  )
  const curve = range && {
    charge: range.charge,
    from: range.from === undefined ? ZERO : readUnits(range.from, ['body', 'range', 'from'], issues),
    to: readUnits(range.to, ['body', 'range', 'to'], issues),
    points: range.points ?? POINTS,
  }
  if (curve !== undefined && issues.length === 0 && curve.to.lessThanOrEqualTo(curve.from)) {
    issues.push({ loc: ['body', 'range', 'to'], msg: 'must be more than from', type: 'greater_than' })
  }
  if (issues.length > 0) throw validationError(issues)
  return { units: read, events: listed, range: curve }
}

function readEvent(
  event: NonNullable<SimulationBody['events']>[string][number],
  loc: Issue['loc'],
  issues: Issue[],
): MeteredEvent {
  const { value, precise_total_amount_cents: amount, properties = {} } = event
  return {
    value: readUnits(value, [...loc, 'value'], issues),
    properties,
    ...(amount == null ? {} : { amountMinor: readUnits(amount, [...loc, 'precise_total_amount_cents'], issues) }),
  }
}

/** A point of a curve as it is answered. */
export function curvePointView({ units, amount, amountMinor, steps }: RatedLine) {
  return {
    units: units.toFixed(),
    amount: amount.toFixed(),
    amount_cents: jsonInteger(amountMinor),
    steps: stepRecords(steps),
  }
}

function readUnits(value: unknown, loc: Issue['loc'], issues: Issue[]): Exact {
  const decimal = decimalOf(value)
  if (decimal === undefined)
    issues.push({ loc, msg: 'must be a decimal, as text or as a number', type: 'decimal_type' })
  return decimal ?? ZERO
}
