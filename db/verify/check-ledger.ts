import { minorUnitDigits } from '../../shared/money/currency.ts'
import type { Statements } from '../statements.ts'
import type { Difference, DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

/**
 * Compares balances with the postings they sum up, postings with the invoices and transactions they were made for, and
 * invoices with their lines and numbers. Of one customer only what belongs to it; numbers only as a whole.
 */
export async function checkLedger(client: Statements, selection: UsageSelection, log: DifferenceLog): Promise<void> {
  const parameters = [selection.organizationId, selection.customerId ?? null]
  const add = (check: Difference['check'], rows: readonly DifferenceRow[]) => {
    for (const row of rows) log.add({ check, ...row })
  }
  add('ledger_balances', (await client.query<DifferenceRow>(BALANCES, parameters)).rows)
  add('ledger_postings', (await client.query<DifferenceRow>(INVOICE_POSTINGS, parameters)).rows)
  add('ledger_postings', await checkTransactions(client, parameters))
  add('invoice_totals', (await client.query<DifferenceRow>(TOTALS, parameters)).rows)
  if (selection.customerId !== undefined) return
  add('invoice_numbers', (await client.query<DifferenceRow>(NUMBERS, [selection.organizationId])).rows)
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

const INVOICE_POSTINGS = `
  select jsonb_build_object('invoice', coalesce(invoice.id::text, posting.reference_id)) as about,
    posting.amount::text as stored, invoice.total_minor::text as computed
  from (select * from invoices where organization_id = $1 and ($2::integer is null or customer_id = $2)
          and status <> 'draft' and total_minor > 0) invoice
  full join (select reference_id, sum(amount_minor) as amount from ledger_postings
             where organization_id = $1 and ($2::integer is null or customer_id = $2)
               and reference_kind = 'invoice' and reason = 'invoice_finalized' group by 1) posting
    on posting.reference_id = invoice.id::text
  where posting.amount is distinct from invoice.total_minor
  order by 1`

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

const TOTALS = `
  select jsonb_build_object('invoice', invoice.id) as about, invoice.subtotal_minor::text as stored,
    coalesce(line.amount, 0)::text as computed
  from invoices invoice
  left join (select invoice_id, sum(amount_minor) as amount from invoice_lines
             where organization_id = $1 and ($2::integer is null or customer_id = $2) group by 1) line
    on line.invoice_id = invoice.id
  where invoice.organization_id = $1 and ($2::integer is null or invoice.customer_id = $2)
    and invoice.subtotal_minor <> coalesce(line.amount, 0)
  order by 1`

// By the digits at the end, because the prefix may have been another one once.
const NUMBERS = `
  with expected as (
    select issuer.id, issuer.code, to_char(place, 'FM999999999999000000') as digits
    from issuers issuer cross join lateral generate_series(1, issuer.last_invoice_number) place
    where issuer.organization_id = $1),
  given as (
    select issuer_id, right(number, length.digits) as digits, count(*) as invoices
    from invoices cross join (select distinct length(digits) as digits from expected) length
    where organization_id = $1 and number is not null group by 1, 2)
  select jsonb_build_object('issuer', expected.code, 'number', expected.digits) as about, null as stored,
    '1 invoice' as computed
  from expected left join given on given.issuer_id = expected.id and given.digits = expected.digits
  where given.invoices is null
  union all
  select jsonb_build_object('issuer', issuer.code), issuer.last_invoice_number || ' numbers given',
    count(invoice.id) || ' numbered invoices'
  from issuers issuer
  left join invoices invoice on invoice.issuer_id = issuer.id and invoice.number is not null
  where issuer.organization_id = $1
  group by issuer.id having count(invoice.id) <> issuer.last_invoice_number
  order by 1`
