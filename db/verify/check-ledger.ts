import type { Statements } from '../statements.ts'
import { checkTransactions } from './check-transactions.ts'
import type { Difference, DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

/** Compares balances with the postings they sum up, and postings with what they were made for. */
export async function checkLedger(client: Statements, selection: UsageSelection, log: DifferenceLog): Promise<void> {
  const parameters = [selection.organizationId, selection.customerId ?? null]
  const add = (check: Difference['check'], rows: readonly DifferenceRow[]) => {
    for (const row of rows) log.add({ check, ...row })
  }
  add('ledger_balances', (await client.query<DifferenceRow>(BALANCES, parameters)).rows)
  add('ledger_postings', (await client.query<DifferenceRow>(STRANGERS, parameters)).rows)
  await checkTransactions(client, selection, log)
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

// Postings of documents are compared with the documents.
const STRANGERS = `
  select jsonb_build_object(posting.reference_kind, posting.reference_id, 'posting', posting.id) as about,
    trim_scale(posting.amount_minor) || ' ' || posting.currency as stored, null as computed
  from ledger_postings posting
  where posting.organization_id = $1 and ($2::integer is null or posting.customer_id = $2)
    and posting.reference_kind not in ('invoice', 'credit_note')
    and not exists (select from transactions moved where moved.organization_id = $1
      and posting.reference_kind = 'transaction' and moved.id::text = posting.reference_id)
  order by posting.id`
