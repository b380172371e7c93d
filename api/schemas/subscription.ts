import Type from 'typebox'
import { Choice, Input, Name, Nullable, Output, PATH_NAME, Time, TimeInput, Uuid } from './common.ts'
import { TRIAL_PERIOD_DAYS } from './plan.ts'
import { PriceOverrides, PriceOverridesAnswer } from './price-overrides.ts'

export const SubscriptionStatus = Choice(
  [
    'pending_activation',
    'pending_charge',
    'trial_active',
    'active',
    'trial_expired',
    'paused',
    'suspended',
    'cancelled',
    'completed',
    'superseded',
    'errored',
  ],
  { title: 'SubscriptionStatus' },
)

const BillingTimes = ['calendar', 'anniversary'] as const

const BillingTime = Choice(BillingTimes, {
  title: 'BillingTime',
  description: 'Whether periods follow the calendar, or the day on which the subscription started.',
})

export const SubscriptionCreate = Input(
  'PlanSubscriptionCreate',
  {
    external_customer_id: Type.String({ minLength: 1, maxLength: 255 }),
    plan_code: Type.String({ minLength: 1, maxLength: 255 }),
    external_id: Type.Optional(
      Nullable(
        Type.String({
          ...PATH_NAME,
          description: "Your own id, which events name; the subscription's own id when left out.",
        }),
      ),
    ),
    name: Type.Optional(Nullable(Name)),
    started_at: Type.Optional(Nullable(TimeInput)),
    ended_at: Type.Optional(Nullable(TimeInput)),
    billing_time: Type.Optional(Choice(BillingTimes, { default: 'calendar' })),
    own_events_only: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Whether events that name only the customer are left to other subscriptions.',
      }),
    ),
    backfill_invoices: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Whether every period since a start in the past gets its invoice, at once.',
      }),
    ),
    trial_period_days: Type.Optional(
      Nullable(
        Type.Integer({
          ...TRIAL_PERIOD_DAYS,
          description: "Instead of the plan's, from the start of this subscription on; 0 for no trial.",
        }),
      ),
    ),
    trial_ends_at: Type.Optional(Nullable(TimeInput)),
    price_overrides: Type.Optional(Nullable(PriceOverrides)),
  },
  { examples: [{ external_customer_id: 'acme', plan_code: 'pro' }] },
)

export const SubscriptionCancel = Input('SubscriptionCancel', {
  at: Type.Optional(
    Choice(['now', 'period_end'], { description: 'When it ends; `period_end` when neither field is given.' }),
  ),
  ended_at: Type.Optional(Nullable(TimeInput)),
})

export const SubscriptionAnswer = Output('Subscription', {
  id: Uuid,
  external_id: Type.String(),
  external_customer_id: Type.String(),
  plan_code: Type.String(),
  plan_version: Type.Integer(),
  name: Nullable(Type.String()),
  status: SubscriptionStatus,
  billing_time: BillingTime,
  own_events_only: Type.Boolean(),
  currency: Type.String(),
  time_zone: Type.String(),
  started_at: Time,
  ended_at: Nullable(Time),
  trial_ends_at: Nullable(Time),
  cancelled_at: Nullable(Time),
  current_period_start: Nullable(Time),
  current_period_end: Nullable(Time),
  price_overrides: Nullable(PriceOverridesAnswer),
  created_at: Time,
  updated_at: Time,
})
