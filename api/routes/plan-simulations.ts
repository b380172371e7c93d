import Type from 'typebox'
import { listPlanComponents } from '../../db/billing/plan-components.ts'
import { requireOrganization } from '../../db/catalogue/organization.ts'
import { type Plan, requirePlan } from '../../db/catalogue/plans.ts'
import { organizationNow } from '../../db/clock.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { type Issue, validationError } from '../../shared/errors.ts'
import { decimalOf } from '../../shared/json/exact-json.ts'
import type { Exact } from '../../shared/money/decimal.ts'
import { simulatePlan } from '../../shared/plans/simulate-plan.ts'
import { inOrganization, type Routes } from '../context.ts'
import { Cents, Code, DecimalInput, failures, Input, jsonInteger, Output } from '../schemas/common.ts'
import { RatedLineAnswer, ratedLineView } from '../schemas/line.ts'

const PlanSimulate = Input(
  'PlanSimulate',
  {
    units: Type.Optional(
      Type.Record(Type.String(), DecimalInput, {
        description: 'What is used in a whole period, by metric code or charge id; nothing where left out.',
      }),
    ),
  },
  { examples: [{ units: { input_tokens: '1500000' } }] },
)

const PlanSimulation = Output('PlanSimulation', {
  plan_code: Type.String(),
  currency: Type.String(),
  lines: Type.Array(RatedLineAnswer),
  subtotal_cents: Cents,
  total_cents: Cents,
})

/** What a plan would cost; nothing is written. */
export const planSimulationRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/plans/:code/simulate',
    {
      schema: {
        operationId: 'simulatePlan',
        summary: 'Price a whole period of a plan',
        description: 'By the same engine that prices invoices.',
        tags: ['Plans'],
        params: Type.Object({ code: Code }),
        body: PlanSimulate,
        response: { 200: PlanSimulation, ...failures('plan_not_found') },
      },
    },
    (request) => {
      const units = readUnits(request.body.units ?? {})
      return within(request, async (transaction, id) =>
        simulate(transaction, id, await requirePlan(transaction, id, request.params.code), units),
      )
    },
  )
}

async function simulate(
  transaction: OrganizationTransaction,
  organizationId: number,
  plan: Plan,
  units: ReadonlyMap<string, Exact>,
) {
  requireKnown(plan, units)
  const { timeZone } = await requireOrganization(transaction, organizationId)
  const versions = await listPlanComponents(transaction, organizationId, [plan.versionId])
  const { lines, totals } = simulatePlan({
    currency: plan.currency,
    interval: plan.interval,
    timeZone,
    now: await organizationNow(transaction, organizationId),
    components: (versions.get(plan.versionId) ?? []).map(({ component }) => component),
    units,
  })
  const chargeModels = new Map(plan.components.map(({ id, chargeModel }) => [id, chargeModel]))
  return {
    plan_code: plan.code,
    currency: plan.currency,
    lines: lines.map((line) => ratedLineView(line, chargeModels)),
    subtotal_cents: jsonInteger(totals.subtotalMinor),
    total_cents: jsonInteger(totals.totalMinor),
  }
}

function readUnits(units: Readonly<Record<string, unknown>>): ReadonlyMap<string, Exact> {
  const issues: Issue[] = []
  const read = new Map<string, Exact>()
  for (const [key, value] of Object.entries(units)) {
    const decimal = decimalOf(value)
    if (decimal !== undefined) read.set(key, decimal)
    else
      issues.push({
        loc: ['body', 'units', key],
        msg: 'must be a decimal, as text or as a number',
        type: 'decimal_type',
      })
  }
  if (issues.length > 0) throw validationError(issues)
  return read
}

function requireKnown(plan: Plan, units: ReadonlyMap<string, Exact>): void {
  const known = new Set(plan.components.flatMap(({ id, billableMetricCode }) => [id, billableMetricCode]))
  const issues = [...units.keys()]
    .filter((key) => !known.has(key))
    .map((key) => ({
      loc: ['body', 'units', key],
      msg: 'is no metric and no charge of the plan',
      type: 'unknown_charge',
    }))
  if (issues.length > 0) throw validationError(issues)
}
