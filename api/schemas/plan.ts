import Type from 'typebox'
import { INTERVALS, MAX_INTERVAL_COUNT } from '../../shared/calendar/interval.ts'
import { LATE_USAGE_POLICIES } from '../../shared/invoicing/late-usage-policy.ts'
import { CHARGE_MODELS } from '../../shared/pricing/charge-models.ts'
import { TRIAL_KINDS, TRIAL_USAGES } from '../../shared/subscriptions/trial.ts'
import { CHARGE_MODIFIERS } from './charge-modifiers.ts'
import { Choice, Code, Input, JsonObject, Name, Nullable, Output, Time, Uuid } from './common.ts'

const PlanInterval = Choice(INTERVALS as readonly ['weekly', 'monthly', 'quarterly', 'yearly'], {
  title: 'PlanInterval',
})

const ChargeModel = Choice(CHARGE_MODELS, { title: 'ChargeModel' })

export const DisplayName = Nullable(
  Type.String({ maxLength: 255, description: 'What invoices call it; the name of the metric when left out.' }),
)

export const Properties = Type.Record(Type.String(), Type.Unknown(), {
  description: 'The prices, as the charge model wants them. Decimals are text or numbers; they are never rounded.',
})

const FilterValues = Type.Array(Type.String(), {
  maxItems: 1_000,
  description: 'Values of the filter; all that it knows when there are none.',
})

const FilterCondition = Input(
  'FilterCondition',
  { billable_metric_filter_id: Uuid, values: Type.Optional(FilterValues) },
  { description: 'One more filter that must match at the same time.' },
)

const And = Type.Array(FilterCondition, { maxItems: 20 })

const ChargeFilterInput = Input(
  'ChargeFilterInput',
  {
    billable_metric_filter_id: Uuid,
    values: Type.Optional(FilterValues),
    properties: Type.Optional(Properties),
    invoice_display_name: Type.Optional(DisplayName),
    and: Type.Optional(And),
  },
  {
    description:
      'Filter configuration for a charge within a plan: prices for that part of the usage. Usage goes to the entry with the most conditions that all match, the earlier one of two, and otherwise to the prices of the charge.',
  },
)

export const ChargeInput = Input(
  'ChargeInput',
  {
    billable_metric_id: Uuid,
    charge_model: ChargeModel,
    properties: Type.Optional(Properties),
    filters: Type.Optional(Type.Array(ChargeFilterInput, { maxItems: 1_000 })),
    invoice_display_name: Type.Optional(DisplayName),
    ...CHARGE_MODIFIERS,
  },
  { description: 'What a metric costs.' },
)

export const AMOUNT_CENTS = {
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'The fixed fee per period, in minor units of the currency.',
}
const CURRENCY = { minLength: 3, maxLength: 3 }
export const TRIAL_PERIOD_DAYS = { minimum: 0, maximum: 36_500 }
const TRIAL_KIND = {
  description: 'Whether the fixed fee starts when the trial is over (free), or with the subscription.',
}
const TRIAL_USAGE = { description: 'Whether what is used during a trial is billed.' }
export const CHARGES = { maxItems: 1_000 }
const PAY_IN_ADVANCE = { description: 'Whether the fixed fee is due when its period begins.' }

const INTERVAL_LENGTH = {
  interval_count: Type.Optional(
    Nullable(
      Type.Integer({
        minimum: 1,
        maximum: MAX_INTERVAL_COUNT,
        description: 'How many `interval_unit`s a period has, or how many `interval`s where no unit is given.',
      }),
    ),
  ),
  interval_unit: Type.Optional(
    Nullable(Choice(['day', 'week', 'month', 'year'], { description: 'Counts instead of `interval`.' })),
  ),
}

/** The terms of a version in a creation: what is left out has its default. */
const PLAN_TERMS = {
  interval: PlanInterval,
  amount_cents: Type.Optional(Type.Integer({ default: 0, ...AMOUNT_CENTS })),
  currency: Type.Optional(Type.String({ default: 'USD', ...CURRENCY })),
  trial_period_days: Type.Optional(Type.Integer({ default: 0, ...TRIAL_PERIOD_DAYS })),
  trial_kind: Type.Optional(Choice(TRIAL_KINDS, { default: 'free', ...TRIAL_KIND })),
  trial_usage: Type.Optional(Choice(TRIAL_USAGES, { default: 'billed', ...TRIAL_USAGE })),
  charges: Type.Optional(Type.Array(ChargeInput, { default: [], ...CHARGES })),
  pay_in_advance: Type.Optional(Type.Boolean({ default: false, ...PAY_IN_ADVANCE })),
  ...INTERVAL_LENGTH,
}

/** The terms of a version in a change: what is left out stays. */
const CHANGED_TERMS = {
  interval: Type.Optional(PlanInterval),
  amount_cents: Type.Optional(Type.Integer(AMOUNT_CENTS)),
  currency: Type.Optional(Type.String(CURRENCY)),
  trial_period_days: Type.Optional(Type.Integer(TRIAL_PERIOD_DAYS)),
  trial_kind: Type.Optional(Choice(TRIAL_KINDS, TRIAL_KIND)),
  trial_usage: Type.Optional(Choice(TRIAL_USAGES, TRIAL_USAGE)),
  charges: Type.Optional(Type.Array(ChargeInput, CHARGES)),
  pay_in_advance: Type.Optional(Type.Boolean(PAY_IN_ADVANCE)),
  ...INTERVAL_LENGTH,
}

const Description = Type.Optional(Nullable(Type.String()))

const LateUsage = Nullable(
  Choice(LATE_USAGE_POLICIES, {
    description:
      'What becomes of late usage of its subscriptions, running ones included; null: what the organization says.',
  }),
)

/** What stands beside the terms. */
const ABOUT = { description: Description, late_usage: Type.Optional(LateUsage) }

/** A plan in a creation. */
export const PLAN_FIELDS = { code: Code, name: Name, ...ABOUT, ...PLAN_TERMS }

export const PlanCreate = Input('PlanCreate', PLAN_FIELDS, {
  examples: [
    {
      code: 'pro',
      name: 'Pro',
      interval: 'monthly',
      amount_cents: 4900,
      charges: [
        {
          billable_metric_id: '0199d2a4-6b1c-7c3e-9f5a-2d1b8e4f6a70',
          charge_model: 'graduated',
          properties: {
            graduated_ranges: [
              { from_value: 0, to_value: 1000000, per_unit_amount: '0', flat_amount: '0' },
              { from_value: 1000001, to_value: null, per_unit_amount: '0.0000025', flat_amount: '0' },
            ],
          },
        },
      ],
    },
  ],
})

const SameCode = Type.Optional(
  Type.String({ minLength: 1, maxLength: 255, description: 'A code never changes; it must be that of the path.' }),
)

export const PlanReplace = Input('PlanReplace', {
  code: SameCode,
  name: Name,
  ...ABOUT,
  ...PLAN_TERMS,
})

export const PlanPatch = Input(
  'PlanPatch',
  { code: SameCode, name: Type.Optional(Name), ...ABOUT, ...CHANGED_TERMS },
  { examples: [{ amount_cents: 5900 }] },
)

export const PlanVersionCreate = Input('PlanVersionCreate', CHANGED_TERMS, { examples: [{ amount_cents: 5900 }] })

const ChargeFilterOutput = Output(
  'ChargeFilterOutput',
  {
    id: Uuid,
    billable_metric_filter_id: Uuid,
    values: FilterValues,
    properties: JsonObject,
    invoice_display_name: DisplayName,
    and: And,
  },
  { description: 'A filter of a charge, as it was written.' },
)

const ChargeOutput = Output(
  'ChargeOutput',
  {
    id: Uuid,
    plan_id: Uuid,
    billable_metric_id: Uuid,
    charge_model: ChargeModel,
    properties: JsonObject,
    filters: Type.Array(ChargeFilterOutput),
    invoice_display_name: DisplayName,
    ...CHARGE_MODIFIERS,
    created_at: Time,
    updated_at: Time,
  },
  { description: 'Charge output in plan responses.' },
)

/** The terms of a version as they are answered. */
const TERMS = {
  interval: PlanInterval,
  interval_count: Nullable(Type.Integer()),
  interval_unit: Nullable(Choice(['day', 'week', 'month', 'year'])),
  amount_cents: Type.Integer(),
  currency: Type.String(),
  trial_period_days: Type.Integer(),
  trial_kind: Choice(TRIAL_KINDS),
  trial_usage: Choice(TRIAL_USAGES),
  pay_in_advance: Type.Boolean(),
  charges: Type.Optional(Type.Array(ChargeOutput)),
}

export const PlanResponse = Output('PlanResponse', {
  id: Uuid,
  code: Type.String(),
  name: Type.String(),
  description: Nullable(Type.String()),
  late_usage: LateUsage,
  version: Type.Integer({ description: 'The version that is sold, which these terms are of.' }),
  ...TERMS,
  archived_at: Nullable(Time),
  created_at: Time,
  updated_at: Time,
})

export const PlanVersionAnswer = Output('PlanVersion', {
  id: Uuid,
  plan_id: Uuid,
  plan_code: Type.String(),
  version: Type.Integer(),
  status: Choice(['draft', 'published']),
  ...TERMS,
  published_at: Nullable(Time),
  created_at: Time,
})
