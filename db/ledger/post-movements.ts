import { sql } from 'kysely'
import { minorUnitDigits } from '../../shared/money/currency.ts'
import { Exact } from '../../shared/money/decimal.ts'
import type { Account, Movement } from '../../shared/transactions/movement.ts'
import type { OrganizationTransaction } from '../connection.ts'

/** A movement of money with the transaction that makes it. */
export interface PostedMovement extends Movement {
  readonly transactionId: string
  /** The type of the transaction. */
  readonly reason: string
  readonly currency: string
  readonly customerId: number | null
}

/**
 * Posts movements and adds them to the balances of customers and agents. Once per transaction: posting it a second time
 * fails the whole.
 */
export async function postMovements(
  transaction: OrganizationTransaction,
  organizationId: number,
  { movements, postedAt }: { readonly movements: readonly PostedMovement[]; readonly postedAt: Temporal.Instant },
): Promise<void> {
  if (movements.length === 0) return
  const accounts = await nameAccounts(transaction, organizationId, movements)
  const rows = movements.map((movement) => ({
    customer_id: movement.customerId,
    debit_account_id: accounts.get(keyOf(movement.debit, movement.currency)),
    credit_account_id: accounts.get(keyOf(movement.credit, movement.currency)),
    amount_minor: minorUnits(movement).toFixed(),
    currency: movement.currency,
    reason: movement.reason,
    reference_id: movement.transactionId,
  }))
  await sql`
    insert into ledger_postings (organization_id, customer_id, debit_account_id, credit_account_id, amount_minor, currency,
      reason, reference_kind, reference_id, posted_at)
    select ${organizationId}, customer_id, debit_account_id, credit_account_id, amount_minor, currency,
      reason, 'transaction', reference_id, ${postedAt.toString()}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as posted (customer_id integer, debit_account_id uuid,
      credit_account_id uuid, amount_minor numeric, currency text, reason text, reference_id text)`.execute(transaction)
  await addToBalances(transaction, organizationId, { movements, accounts })
}

function minorUnits({ amount, currency }: PostedMovement): Exact {
  return amount.times(Exact.pow(10, minorUnitDigits(currency)))
}

type AccountIds = ReadonlyMap<string, string>

/** The ids of all accounts that the movements touch, opened now if they were not before. */
async function nameAccounts(
  transaction: OrganizationTransaction,
  organizationId: number,
  movements: readonly PostedMovement[],
): Promise<AccountIds> {
  const touched = movements.flatMap(({ debit, credit, currency }) => [
    { ...debit, currency },
    { ...credit, currency },
  ])
  const byKey = new Map(touched.map((account) => [keyOf(account, account.currency), account]))
  const rows = [...byKey].map(([key, { customerId, agentId, kind, currency }]) => ({
    key,
    customer_id: customerId,
    agent_id: agentId,
    kind,
    currency,
  }))
  const named = sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
    as named (key text, customer_id integer, agent_id integer, kind text, currency text)`
  const same = sql`account.organization_id = ${organizationId} and account.kind = named.kind
    and account.currency = named.currency and account.customer_id is not distinct from named.customer_id
    and account.agent_id is not distinct from named.agent_id`
  const find = sql<{ key: string; id: string }>`
    select named.key, account.id from ${named} join ledger_accounts account on ${same}`
  const known = await find.execute(transaction)
  if (known.rows.length < rows.length) {
    await sql`
      insert into ledger_accounts (organization_id, customer_id, agent_id, kind, currency)
      select ${organizationId}, named.customer_id, named.agent_id, named.kind, named.currency from ${named}
      order by named.key
      on conflict do nothing`.execute(transaction)
  }
  const { rows: found } = known.rows.length < rows.length ? await find.execute(transaction) : known
  return new Map(found.map(({ key, id }) => [key, id]))
}

function keyOf({ kind, customerId, agentId }: Account, currency: string): string {
  return `${kind} ${customerId ?? ''} ${agentId ?? ''} ${currency}`
}

// In the order of their ids, so that two workers that touch the same accounts wait for each other and never deadlock.
async function addToBalances(
  transaction: OrganizationTransaction,
  organizationId: number,
  { movements, accounts }: { readonly movements: readonly PostedMovement[]; readonly accounts: AccountIds },
): Promise<void> {
  const rows = [...balanceChanges(movements, accounts)].map(([accountId, change]) => ({
    account_id: accountId,
    change: change.toFixed(),
  }))
  if (rows.length === 0) return
  await sql`
    insert into ledger_balances (account_id, organization_id, balance_minor)
    select account_id, ${organizationId}, change
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as changed (account_id uuid, change numeric)
    order by account_id
    on conflict (account_id) do update
      set balance_minor = ledger_balances.balance_minor + excluded.balance_minor, updated_at = now()`.execute(
    transaction,
  )
}

function balanceChanges(movements: readonly PostedMovement[], accounts: AccountIds): ReadonlyMap<string, Exact> {
  const changes = new Map<string, Exact>()
  const add = (account: Account, currency: string, change: Exact) => {
    // What belongs to the organization itself is touched by nearly every posting; its sum would be one contended row.
    if (account.customerId === null && account.agentId === null) return
    const id = accounts.get(keyOf(account, currency)) ?? ''
    changes.set(id, (changes.get(id) ?? new Exact(0)).plus(change))
  }
  for (const movement of movements) {
    add(movement.debit, movement.currency, minorUnits(movement).negated())
    add(movement.credit, movement.currency, minorUnits(movement))
  }
  return changes
}
