import { minorUnitDigits } from '../../shared/money/currency.ts'
import type { Statements } from '../statements.ts'
import type { Difference, DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

/** Compares balances with the postings they sum up, and postings with the transactions they were made for. */
export async function checkLedger(client: Statements, selection: UsageSelection, log: DifferenceLog): Promise<void> {
  const parameters = [selection.organizationId, selection.customerId ?? null]
  const add = (check: Difference['check'], rows: readonly DifferenceRow[]) => {
    for (const row of rows) log.add({ check, ...row })
  }
  add('ledger_balances', (await client.query<DifferenceRow>(BALANCES, parameters)).rows)
  add('ledger_postings', await checkTransactions(client, parameters))
}

type DifferenceRow = Omit<Difference, 'check'>

const BALANCES = `
  with summed as (
    select account_id, sum(amount) as balance from (
      select debit_account_id as account_id, -amount_minor as amount from ledger_postings where organization_id = $1
      union all
      select credit_account_id, amount_minor from ledger_postings where organization_id = $1) movement
    group by 1)
  select jsonb_strip_nulls(jsonb_build_object('account', account.id, 'kind', account.kind, 'currency', account.currency,
      'customer', customer.external_id, 'agent', agent.external_id)) as about,
    balance.balance_minor::text as stored, summed.balance::text as computed
  from ledger_accounts account
  left join ledger_balances balance on balance.account_id = account.id
  left join summed on summed.account_id = account.id
  left join customers customer on customer.customer_id = account.customer_id
  left join agents agent on agent.agent_id = account.agent_id
  where account.organization_id = $1 and ($2::integer is null or account.customer_id = $2)
    and account.kind in ('customer_balance', 'agent_payable')
    and balance.balance_minor is distinct from summed.balance
  order by account.id`

// How many digits a minor unit has is not known to the database.
async function checkTransactions(client: Statements, parameters: unknown[]): Promise<readonly DifferenceRow[]> {
  const { rows: currencies } = await client.query<{ currency: string }>(
    'select distinct currency from transactions where organization_id = $1 order by 1',
    parameters.slice(0, 1),
  )
  const codes = currencies.map(({ currency }) => currency)
  const { rows } = await client.query<DifferenceRow>(TRANSACTION_POSTINGS, [
    ...parameters,
    codes,
    codes.map(minorUnitDigits),
  ])
  return rows
}

const TRANSACTION_POSTINGS = `
  with expected as (
    select moved.id::text as id, moved.reference_id, abs(moved.amount) * power(10::numeric, unit.digits) as amount
    from transactions moved
    join unnest($3::text[], $4::integer[]) as unit (currency, digits) on unit.currency = moved.currency
    where moved.organization_id = $1 and ($2::integer is null or moved.customer_id = $2)
      and moved.status = 'posted' and moved.amount <> 0),
  posted as (
    select reference_id, sum(amount_minor) as amount from ledger_postings
    where organization_id = $1 and ($2::integer is null or customer_id = $2) and reference_kind = 'transaction'
    group by 1)
  select jsonb_strip_nulls(jsonb_build_object('transaction', coalesce(expected.id, posted.reference_id),
      'reference_id', expected.reference_id)) as about,
    posted.amount::text as stored, expected.amount::text as computed
  from expected full join posted on posted.reference_id = expected.id
  where posted.amount is distinct from expected.amount
  order by 1`
