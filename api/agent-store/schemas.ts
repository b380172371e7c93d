import Type, { type TSchema } from 'typebox'
import { INTERVALS } from '../../shared/calendar/interval.ts'
import { INLINE_TITLE } from '../named-schemas.ts'
import { Choice, DecimalInput, Input, Nullable, Output, Time, Uuid } from '../schemas/common.ts'
import { SubscriptionStatus } from '../schemas/subscription.ts'

const Id = (title: string, description: string) =>
  Type.String({ [INLINE_TITLE]: title, minLength: 1, maxLength: 255, description })

/** A field that may be null and left out, with its title beside the choice as the published document has it. */
function optional<Schema extends TSchema>(title: string, schema: Schema) {
  return Type.Optional(Type.Union([schema, Type.Null()], { [INLINE_TITLE]: title }))
}

const AGENT_ID = 'Your own id of the agent; known from its first use on.'
const USER_ID = 'Your own id of the customer; registered on first use.'

const SUBSCRIPTION_FIELDS = {
  agent_id: Id('Agent Id', AGENT_ID),
  user_id: Id('User Id', USER_ID),
  plan_type: Type.Optional(
    Type.String({
      [INLINE_TITLE]: 'Plan Type',
      default: 'monthly',
      description: `How often it bills: ${INTERVALS.join(', ')}.`,
    }),
  ),
}

/** What the document says; checked is `CheckedSubscription`. */
export const SubscriptionCreate = Input('SubscriptionCreate', {
  ...SUBSCRIPTION_FIELDS,
  price_usd: Type.Optional(
    Type.Number({
      [INLINE_TITLE]: 'Price Usd',
      default: 9.99,
      description: 'Per period, at most two digits after the point; a text is taken too.',
    }),
  ),
})

/** Numbers pass unchecked, because they are read from their source text. */
export const CheckedSubscription = Input('CheckedSubscription', {
  ...SUBSCRIPTION_FIELDS,
  price_usd: Type.Optional(DecimalInput),
})

const TRANSACTION_FIELDS = {
  type: Type.String({
    [INLINE_TITLE]: 'Type',
    minLength: 1,
    maxLength: 64,
    description:
      'topup, purchase, usage, refund, payout or adjustment, in any spelling (`top_up`, `TopUp`); any other type is a memo entry, which moves no money.',
  }),
  reference_id: Id('Reference Id', 'Yours, unique: the same reference moves money once, however often it is sent.'),
  agent_id: optional('Agent Id', Type.String({ minLength: 1, maxLength: 255, description: AGENT_ID })),
  description: optional('Description', Type.String({ maxLength: 2000 })),
  user_id: optional('User Id', Type.String({ minLength: 1, maxLength: 255, description: 'Whose balance it is.' })),
}

/** What the document says; checked is `CheckedTransaction`. */
export const TransactionRequest = Input('TransactionRequest', {
  amount: Type.Number({
    [INLINE_TITLE]: 'Amount',
    description:
      "In major units of the organization's currency, at most 15 digits before the point and 12 after it; a text is taken too. Only an adjustment may be negative.",
  }),
  ...TRANSACTION_FIELDS,
})

/** Numbers pass unchecked, because they are read from their source text. */
export const CheckedTransaction = Input('CheckedTransaction', { amount: DecimalInput, ...TRANSACTION_FIELDS })

const ExactNumber = Type.Unsafe<unknown>({ type: 'number', description: 'Every digit, as it was sent.' })

const OPEN = { additionalProperties: true }

export const AgentSubscriptionAnswer = Type.Object(
  {
    id: Uuid,
    agent_id: Type.String(),
    user_id: Type.String(),
    plan_type: Type.String(),
    price_usd: ExactNumber,
    status: SubscriptionStatus,
    current_period_start: Nullable(Time),
    current_period_end: Nullable(Time),
    created_at: Time,
  },
  { ...OPEN, [INLINE_TITLE]: 'Response Create Subscription V1 Billing Subscriptions Post' },
)

const TRANSACTION_ANSWER = {
  id: Uuid,
  amount: ExactNumber,
  currency: Type.String(),
  type: Type.String({ description: 'In its one spelling.' }),
  reference_id: Type.String(),
  agent_id: Nullable(Type.String()),
  user_id: Nullable(Type.String()),
  description: Nullable(Type.String()),
  created_at: Time,
}

export const TransactionAccepted = Type.Object(
  {
    ...TRANSACTION_ANSWER,
    status: Choice(['accepted'], { description: 'Committed; it is posted a moment later.' }),
  },
  { ...OPEN, [INLINE_TITLE]: 'Response Record Transaction V1 Billing Transactions Post' },
)

/** `recorded`: it moves no money, so nothing is posted. */
export const TransactionStatus = Choice(['pending', 'posted', 'recorded'], { title: 'TransactionStatus' })

export const TransactionItem = Output('Transaction', {
  ...TRANSACTION_ANSWER,
  status: TransactionStatus,
  posted_at: Nullable(Time),
})
