import Type from 'typebox'
import type { RebuildProgress } from '../../db/usage/rebuild-progress.ts'
import { WINDOW_SIZES } from '../../shared/calendar/windows.ts'
import { Choice, Code, Decimal, Nullable, Output, Time, TimeInput, TimeZoneName } from './common.ts'

const Names = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { minItems: 1, maxItems: 100, description })

/** The query of a usage report; the URL repeats the name of a list once per value. */
export const UsageQuery = Type.Object(
  {
    billable_metric_code: Code,
    external_customer_id: Type.Optional(
      Names('Only these customers; repeat it for several. Each has rows of its own. All customers when left out.'),
    ),
    external_subscription_id: Type.Optional(
      Names('Only usage that these subscriptions pay for; repeat it for several. Each has rows of its own.'),
    ),
    from: Type.Optional({ ...TimeInput, description: 'Belongs to the range; the first event when left out.' }),
    to: Type.Optional({ ...TimeInput, description: 'No longer belongs to the range; the last event when left out.' }),
    window: Type.Optional(
      Choice(WINDOW_SIZES, { description: 'Weeks start on Monday. Left out: one window, the whole range.' }),
    ),
    time_zone: Type.Optional({
      ...TimeZoneName,
      description: 'Where windows begin and end; the organization’s zone when left out.',
    }),
    group_by: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
        minItems: 1,
        maxItems: 10,
        description:
          '`external_customer_id`, `external_subscription_id`, or a property of the events; a dotted path reaches into ' +
          'objects. Repeat it for several.',
      }),
    ),
    filter: Type.Optional(
      Type.Record(Type.String(), Type.Array(Type.String({ maxLength: 1_000 }), { minItems: 1, maxItems: 100 }), {
        maxProperties: 10,
        description:
          'Properties and the values to keep, as `filter[model]=large`; repeat one for several values. All must hold.',
      }),
    ),
    format: Type.Optional(
      Choice(['json', 'csv'], { description: 'Left out: CSV where `Accept` asks for `text/csv`.' }),
    ),
  },
  { additionalProperties: false },
)

export type UsageQuery = Type.Static<typeof UsageQuery>

const UsageRow = Output('UsageRow', {
  window_start: Time,
  window_end: Time,
  external_customer_id: Nullable(Type.String({ description: 'Null unless rows are told apart by customer.' })),
  external_subscription_id: Nullable(
    Type.String({ description: 'Null unless rows are told apart by subscription, and for usage that none pays for.' }),
  ),
  groups: Type.Record(Type.String(), Type.String(), {
    description: 'The value of each property grouped by; empty text where events do not have it.',
  }),
  units: Decimal,
  events_count: Type.Integer(),
})

/** How far a metric that is being counted anew has come. */
export const Rebuilding = Nullable(
  Output(
    'UsageRebuilding',
    { counted_customers: Type.Integer(), customers: Type.Integer() },
    {
      description:
        'Events from before the metric, or before what prices it now, are still being counted, customer by customer; null when all are.',
    },
  ),
)

/** Progress as it is answered. */
export function rebuildingView(progress: RebuildProgress | undefined) {
  return progress ? { counted_customers: progress.countedCustomers, customers: progress.customers } : null
}

export const UsageAnswer = Output('Usage', {
  billable_metric_code: Code,
  from: Nullable(Time),
  to: Nullable(Time),
  window: Nullable(Choice(WINDOW_SIZES)),
  time_zone: Type.String(),
  rebuilding: Rebuilding,
  data: Type.Array(UsageRow),
})
