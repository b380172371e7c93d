import { minorUnitDigits } from '../../shared/money/currency.ts'
import { decimal, Exact } from '../../shared/money/decimal.ts'
import { type Account, movementOf } from '../../shared/transactions/movement.ts'
import { readCursor } from '../cursor.ts'
import type { Statements } from '../statements.ts'
import type { DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

/**
 * Compares each transaction with what was posted for it: the amount, between which accounts, in which currency and for what.
 * One that moves nothing, or is not posted yet, has no posting. Of one customer those that either names.
 */
export async function checkTransactions(
  client: Statements,
  { organizationId, customerId }: UsageSelection,
  log: DifferenceLog,
): Promise<void> {
  const query = { name: 'posted_transactions', text: POSTED, parameters: [organizationId, customerId ?? null] }
  for await (const row of readCursor<PostedRow>(client, query)) {
    const [stored, computed] = [storedMovement(row), expectedMovement(row)]
    if (stored === computed) continue
    const about = { transaction: row.id, reference_id: row.referenceId }
    log.add({ check: 'ledger_postings', about, stored, computed })
  }
}

interface PostedRow {
  readonly id: string
  readonly referenceId: string
  readonly type: string
  readonly amount: string
  readonly currency: string
  readonly customerId: number | null
  readonly agentId: number | null
  readonly isPosted: boolean
  /** Null where there is no posting. */
  readonly posting: {
    readonly amountMinor: string
    readonly currency: string
    readonly customerId: number | null
    readonly reason: string
    /** Null where the account is not there. */
    readonly debit: StoredAccount | null
    readonly credit: StoredAccount | null
  } | null
}

interface StoredAccount extends Pick<Account, 'customerId' | 'agentId'> {
  readonly kind: string
  readonly currency: string
}

const account = (name: string) => `
  case when ${name}.id is null then null else json_build_object('kind', ${name}.kind, 'currency', ${name}.currency,
    'customerId', ${name}.customer_id, 'agentId', ${name}.agent_id) end`

const POSTED = `
  select moved.id::text as id, moved.reference_id as "referenceId", moved.type, moved.amount::text as amount, moved.currency,
    moved.customer_id as "customerId", moved.agent_id as "agentId", moved.status = 'posted' as "isPosted",
    case when posting.id is null then null else json_build_object('amountMinor', posting.amount_minor::text,
      'currency', posting.currency, 'customerId', posting.customer_id, 'reason', posting.reason,
      'debit', ${account('debit')}, 'credit', ${account('credit')}) end as posting
  from transactions moved
  left join ledger_postings posting on posting.organization_id = moved.organization_id
    and posting.reference_kind = 'transaction' and posting.reference_id = moved.id::text
  left join ledger_accounts debit on debit.id = posting.debit_account_id and debit.organization_id = $1
  left join ledger_accounts credit on credit.id = posting.credit_account_id and credit.organization_id = $1
  where moved.organization_id = $1
    and ($2::integer is null or moved.customer_id = $2 or posting.customer_id = $2)`

function storedMovement({ posting }: PostedRow): string | null {
  if (posting === null) return null
  const { amountMinor, currency, customerId, reason, debit, credit } = posting
  return movementText({ amountMinor: decimal(amountMinor), currency, debit, credit, reason, customerId })
}

function expectedMovement({ isPosted, type, currency, customerId, agentId, ...row }: PostedRow): string | null {
  const movement = isPosted ? movementOf({ type, amount: decimal(row.amount), customerId, agentId }) : undefined
  if (movement === undefined) return null
  const amountMinor = movement.amount.times(Exact.pow(10, minorUnitDigits(currency)))
  const [debit, credit] = [movement.debit, movement.credit].map((one) => ({ ...one, currency })) as [
    StoredAccount,
    StoredAccount,
  ]
  return movementText({ amountMinor, currency, debit, credit, reason: type, customerId })
}

function movementText(movement: {
  readonly amountMinor: Exact
  readonly currency: string
  readonly debit: StoredAccount | null
  readonly credit: StoredAccount | null
  readonly reason: string
  readonly customerId: number | null
}): string {
  const { amountMinor, currency, debit, credit, reason, customerId } = movement
  const ofCustomer = customerId === null ? '' : ` of ${customerId}`
  return `${amountMinor.toFixed()} ${currency} from ${accountText(debit)} to ${accountText(credit)} by ${reason}${ofCustomer}`
}

function accountText(one: StoredAccount | null): string {
  if (one === null) return 'nowhere'
  const { kind, customerId, agentId, currency } = one
  const owner = [customerId === null ? [] : `customer ${customerId}`, agentId === null ? [] : `agent ${agentId}`].flat()
  return [kind, ...owner, currency].join(' ')
}
