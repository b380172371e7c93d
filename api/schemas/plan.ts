import Type from 'typebox'
import { INTERVALS } from '../../shared/calendar/interval.ts'
import { CHARGE_MODELS } from '../../shared/pricing/charge-models.ts'
import { Choice, Code, Input, JsonObject, Name, Nullable, Output, Time, Uuid } from './common.ts'

const PlanInterval = Choice(INTERVALS as readonly ['weekly', 'monthly', 'quarterly', 'yearly'], {
  title: 'PlanInterval',
})

const ChargeModel = Choice(CHARGE_MODELS, { title: 'ChargeModel' })

const DisplayName = Type.Optional(
  Nullable(
    Type.String({ maxLength: 255, description: 'What invoices call it; the name of the metric when left out.' }),
  ),
)

const Properties = Type.Record(Type.String(), Type.Unknown(), {
  description: 'The prices, as the charge model wants them. Decimals are text or numbers; they are never rounded.',
})

const ChargeFilterInput = Input(
  'ChargeFilterInput',
  {
    billable_metric_filter_id: Uuid,
    values: Type.Optional(Type.Array(Type.String())),
    properties: Type.Optional(Properties),
    invoice_display_name: DisplayName,
  },
  { description: 'Filter configuration for a charge within a plan.' },
)

const ChargeInput = Input(
  'ChargeInput',
  {
    billable_metric_id: Uuid,
    charge_model: ChargeModel,
    properties: Type.Optional(Properties),
    filters: Type.Optional(Type.Array(ChargeFilterInput)),
    invoice_display_name: DisplayName,
  },
  { description: 'What a metric costs.' },
)

export const PlanCreate = Input(
  'PlanCreate',
  {
    code: Code,
    name: Name,
    description: Type.Optional(Nullable(Type.String())),
    interval: PlanInterval,
    amount_cents: Type.Optional(
      Type.Integer({
        default: 0,
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'The fixed fee per period, in minor units of the currency.',
      }),
    ),
    currency: Type.Optional(Type.String({ default: 'USD', minLength: 3, maxLength: 3 })),
    trial_period_days: Type.Optional(Type.Integer({ default: 0, minimum: 0, maximum: 36_500 })),
    charges: Type.Optional(Type.Array(ChargeInput, { default: [], maxItems: 1_000 })),
    pay_in_advance: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether the fixed fee is due when its period begins.' }),
    ),
  },
  {
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
  },
)

const ChargeOutput = Output(
  'ChargeOutput',
  {
    id: Uuid,
    plan_id: Uuid,
    billable_metric_id: Uuid,
    charge_model: ChargeModel,
    properties: JsonObject,
    created_at: Time,
    updated_at: Time,
  },
  { description: 'Charge output in plan responses.' },
)

export const PlanResponse = Output('PlanResponse', {
  id: Uuid,
  code: Type.String(),
  name: Type.String(),
  description: Nullable(Type.String()),
  interval: PlanInterval,
  amount_cents: Type.Integer(),
  currency: Type.String(),
  trial_period_days: Type.Integer(),
  charges: Type.Optional(Type.Array(ChargeOutput)),
  created_at: Time,
  updated_at: Time,
})
