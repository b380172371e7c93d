import { minorUnitDigits } from '../../shared/money/currency.ts'
import type { Statements } from '../statements.ts'
import type { Difference, DifferenceLog } from './difference.ts'
import { DOCUMENT_KINDS, type DocumentKind } from './document-kinds.ts'
import type { UsageSelection } from './usage-selection.ts'

/**
 * Compares the lines of invoices and credit notes with their exact amounts, and customers and currencies of lines, documents
 * and subscriptions with each other. Of one customer the lines and documents that name it.
 */
export async function checkDocumentLines(
  client: Statements,
  { organizationId, customerId }: UsageSelection,
  log: DifferenceLog,
): Promise<void> {
  const parameters = [organizationId, customerId ?? null]
  for (const document of DOCUMENT_KINDS) {
    const currencies = await listCurrencies(client, document, organizationId)
    const digits = [currencies, currencies.map(minorUnitDigits)]
    const lines = await client.query<DifferenceRow>(roundedLines(document), [...parameters, ...digits])
    for (const row of lines.rows) log.add({ check: `${document.kind}_lines`, ...row })
    const owners = await client.query<DifferenceRow>(subscribers(document), parameters)
    for (const row of owners.rows) log.add({ check: `${document.kind}_subscriptions`, ...row })
  }
}

type DifferenceRow = Omit<Difference, 'check'>

// How many digits a minor unit has is not known to the database.
async function listCurrencies(client: Statements, { table }: DocumentKind, organizationId: number): Promise<string[]> {
  const { rows } = await client.query<{ currency: string }>(
    `select distinct currency from ${table} where organization_id = $1 order by 1`,
    [organizationId],
  )
  return rows.map(({ currency }) => currency)
}

// A late line is the rounded price of its period without what was billed before, which is rounded already. An amount that had
// no end is cut at 30 decimals; it was rounded before.
const roundedLines = ({ kind, table, lineTable }: DocumentKind) => `
  with rounded as (
    select line.id, document.id as document_id, line.position, line.description, line.amount_minor, line.customer_id,
      document.customer_id as owner_id, amount.unit * amount.billed_before as billed_minor,
      round(amount.unit * (line.amount - amount.billed_before - amount.cut)) as least,
      round(amount.unit * (line.amount - amount.billed_before + amount.cut)) as most
    from ${table} document
    join ${lineTable} line on line.${kind}_id = document.id
    join unnest($3::text[], $4::integer[]) as currency (code, digits) on currency.code = document.currency
    cross join lateral (
      select power(10::numeric, currency.digits) as unit, case when scale(line.amount) < 30 then 0 else 1e-30 end as cut,
        (select coalesce(sum((adjustment ->> 'amount')::numeric), 0) from json_array_elements(line.adjustments) adjustment
         where adjustment ->> 'kind' = 'billed_before') as billed_before) amount
    where document.organization_id = $1 and ($2::integer is null or line.customer_id = $2))
  select jsonb_build_object('${kind}', document_id, 'position', position::text, 'line', description) as about,
    trim_scale(amount_minor) || ' of ' || customer_id as stored,
    trim_scale(least + billed_minor) || ' of ' || owner_id as computed
  from rounded
  where customer_id <> owner_id or not amount_minor - billed_minor between least and most
  order by document_id, position`

const subscribers = ({ kind, table }: DocumentKind) => `
  select jsonb_build_object('${kind}', document.id) as about, document.currency || ' of ' || document.customer_id as stored,
    subscription.currency || ' of ' || subscription.customer_id as computed
  from ${table} document join subscriptions subscription on subscription.id = document.subscription_id
  where document.organization_id = $1
    and ($2::integer is null or document.customer_id = $2 or subscription.customer_id = $2)
    and (document.currency <> subscription.currency or document.customer_id <> subscription.customer_id)
  order by 1`
