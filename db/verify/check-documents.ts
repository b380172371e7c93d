import type { Statements } from '../statements.ts'
import type { Difference, DifferenceLog } from './difference.ts'
import { DOCUMENT_KINDS, type DocumentKind } from './document-kinds.ts'
import type { UsageSelection } from './usage-selection.ts'

/**
 * Compares invoices and credit notes with what was posted for them, with their lines, and their numbers with the counters of
 * issuers. Of one customer only what belongs to it; numbers only as a whole.
 */
export async function checkDocuments(client: Statements, selection: UsageSelection, log: DifferenceLog): Promise<void> {
  const { organizationId, customerId = null } = selection
  const add = async (check: Difference['check'], statement: string, parameters: unknown[]) => {
    const { rows } = await client.query<Omit<Difference, 'check'>>(statement, parameters)
    for (const row of rows) log.add({ check, ...row })
  }
  for (const document of DOCUMENT_KINDS) {
    await add('ledger_postings', postings(document), [organizationId, customerId])
    await add(`${document.kind}_totals`, totals(document), [organizationId, customerId])
    if (customerId === null) await add(`${document.kind}_numbers`, numbers(document), [organizationId])
  }
}

const account = (name: string) => `
  coalesce(${name}.kind, 'nowhere') || coalesce(' of agent ' || ${name}.agent_id, '')
    || case when ${name}.currency = posting.currency then '' else ' in ' || ${name}.currency end`

// A posting is told by what it moved, between whose accounts of which kinds, and why where that is another reason.
const postings = ({ kind, table, isIssued, reason, debit, credit }: DocumentKind) => `
  with expected as (
    select id::text, total_minor || ' ' || currency || ' from ${debit} to ${credit} of ' || customer_id as movement
    from ${table}
    where organization_id = $1 and ($2::integer is null or customer_id = $2) and ${isIssued} and total_minor > 0),
  posted as (
    select reference_id as id, posting.amount_minor || ' ' || posting.currency || ' from ' || ${account('debit')} || ' to '
        || ${account('credit')} || ' of ' || concat_ws(' and ', debit.customer_id, credit.customer_id)
        || case when posting.customer_id = coalesce(debit.customer_id, credit.customer_id) then ''
             else ' for ' || coalesce(posting.customer_id::text, 'nobody') end
        || case when posting.reason = '${reason}' then '' else ' by ' || posting.reason end as movement
    from ledger_postings posting
    left join ledger_accounts debit on debit.id = posting.debit_account_id and debit.organization_id = $1
    left join ledger_accounts credit on credit.id = posting.credit_account_id and credit.organization_id = $1
    where posting.organization_id = $1 and ($2::integer is null or posting.customer_id = $2)
      and posting.reference_kind = '${kind}')
  select jsonb_build_object('${kind}', coalesce(expected.id, posted.id)) as about,
    posted.movement as stored, expected.movement as computed
  from expected full join posted on posted.id = expected.id
  where posted.movement is distinct from expected.movement
  order by 1`

const totals = ({ kind, table, lineTable, signOfLines }: DocumentKind) => `
  select jsonb_build_object('${kind}', document.id) as about, document.subtotal_minor::text as stored,
    (${signOfLines} * coalesce(line.amount, 0))::text as computed
  from ${table} document
  left join (select ${kind}_id as id, sum(amount_minor) as amount from ${lineTable}
             where organization_id = $1 and ($2::integer is null or customer_id = $2) group by 1) line
    on line.id = document.id
  where document.organization_id = $1 and ($2::integer is null or document.customer_id = $2)
    and document.subtotal_minor <> ${signOfLines} * coalesce(line.amount, 0)
  order by 1`

// By the digits at the end, because the prefix may have been another one once.
const numbers = ({ kind, table, counter }: DocumentKind) => `
  with expected as (
    select issuer.id, issuer.code, to_char(place, 'FM999999999999000000') as digits
    from issuers issuer cross join lateral generate_series(1, issuer.${counter}) place
    where issuer.organization_id = $1),
  given as (
    select issuer_id, right(number, length.digits) as digits, count(*) as documents
    from ${table} cross join (select distinct length(digits) as digits from expected) length
    where organization_id = $1 and number is not null group by 1, 2)
  select jsonb_build_object('issuer', expected.code, 'number', expected.digits) as about, null as stored,
    '1 ${kind}' as computed
  from expected left join given on given.issuer_id = expected.id and given.digits = expected.digits
  where given.documents is null
  union all
  select jsonb_build_object('issuer', issuer.code), issuer.${counter} || ' numbers given',
    count(document.id) || ' numbered ${table}'
  from issuers issuer
  left join ${table} document on document.issuer_id = issuer.id and document.number is not null
  where issuer.organization_id = $1
  group by issuer.id having count(document.id) <> issuer.${counter}
  order by 1`
