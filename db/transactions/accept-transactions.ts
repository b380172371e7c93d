import { sql } from 'kysely'
import { AppError, assert } from '../../shared/errors.ts'
import { movementOf } from '../../shared/transactions/movement.ts'
import { isSameTransaction, type TransactionContent } from '../../shared/transactions/transaction.ts'
import { nameParties } from '../agents/name-parties.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import { listTransactionsByReference, type Transaction } from './transactions.ts'

/**
 * Takes in transactions, each once per organization and reference, however often and from wherever at once it is sent.
 * Answers in their order: the transaction as it was first taken in, or the refusal of one whose reference belongs to
 * another content.
 */
export async function acceptTransactions(
  transaction: OrganizationTransaction,
  organizationId: number,
  contents: readonly TransactionContent[],
): Promise<readonly (Transaction | AppError)[]> {
  // In the order of their references, so that requests that cross each other wait and never deadlock.
  const ordered = contents.toSorted((one, other) => compareText(one.referenceId, other.referenceId))
  await nameParties(
    transaction,
    'agents',
    organizationId,
    namesOf(ordered, ({ externalAgentId }) => externalAgentId),
  )
  await nameParties(
    transaction,
    'customers',
    organizationId,
    namesOf(ordered, ({ externalCustomerId }) => externalCustomerId),
  )
  const inserted = await insertTransactions(transaction, organizationId, ordered)
  const accepted = inserted.size
  if (accepted > 0) {
    await announce(transaction, { organizationId, topic: 'transactions.accepted', payload: { accepted } })
  }
  const earlier = await listEarlier(transaction, organizationId, { ordered, inserted })
  return contents.map((content) => {
    const { referenceId } = content
    return answerTo(content, inserted.get(referenceId) ?? earlier.get(referenceId))
  })
}

function answerTo(content: TransactionContent, stored: Transaction | undefined): Transaction | AppError {
  if (stored !== undefined && isSameTransaction(content, stored)) return stored
  const message = `the reference "${content.referenceId}" belongs to a transaction with another content`
  return new AppError('transaction_conflict', message)
}

type ByReference = ReadonlyMap<string, Transaction>

/** Those whose references were taken before, by whomever. */
async function listEarlier(
  transaction: OrganizationTransaction,
  organizationId: number,
  { ordered, inserted }: { readonly ordered: readonly TransactionContent[]; readonly inserted: ByReference },
): Promise<ByReference> {
  const references = new Set(ordered.map(({ referenceId }) => referenceId).filter((id) => !inserted.has(id)))
  if (references.size === 0) return new Map()
  const earlier = await listTransactionsByReference(transaction, organizationId, [...references])
  return new Map(earlier.map((row) => [row.referenceId, row]))
}

type InsertedColumns = Pick<Transaction, 'id' | 'referenceId' | 'currency' | 'status' | 'createdAt'>

/** Inserts those whose references are free; of two with one reference in here the first. */
async function insertTransactions(
  transaction: OrganizationTransaction,
  organizationId: number,
  ordered: readonly TransactionContent[],
): Promise<ByReference> {
  const { rows } = await sql<InsertedColumns>`
    insert into transactions (organization_id, reference_id, type, amount, currency, agent_id, customer_id, description, status)
    select ${organizationId}, sent.reference_id, sent.type, sent.amount, organization.currency, agent.agent_id,
      customer.customer_id, sent.description, sent.status
    from rows from (jsonb_to_recordset(${JSON.stringify(ordered.map(rowOf))}::jsonb) as (reference_id text, type text,
      amount numeric, external_agent_id text, external_customer_id text, description text, status text))
      with ordinality as sent (reference_id, type, amount, external_agent_id, external_customer_id, description, status, position)
    join organizations organization on organization.organization_id = ${organizationId}
    left join agents agent on agent.organization_id = ${organizationId} and agent.external_id = sent.external_agent_id
    left join customers customer on customer.organization_id = ${organizationId}
      and customer.external_id = sent.external_customer_id
    order by sent.position
    on conflict (organization_id, reference_id) do nothing
    returning id, reference_id, currency, status, created_at`.execute(transaction)
  const firstByReference = new Map(ordered.toReversed().map((content) => [content.referenceId, content]))
  return new Map(
    rows.map((row) => [row.referenceId, { ...requireContent(firstByReference, row), ...row, postedAt: null }]),
  )
}

function requireContent(
  byReference: ReadonlyMap<string, TransactionContent>,
  { referenceId }: InsertedColumns,
): TransactionContent {
  const content = byReference.get(referenceId)
  assert(content !== undefined, `the reference "${referenceId}" was inserted without being sent`)
  return content
}

function rowOf(content: TransactionContent): Record<string, string | null> {
  return {
    reference_id: content.referenceId,
    type: content.type,
    amount: content.amount.toFixed(),
    external_agent_id: content.externalAgentId,
    external_customer_id: content.externalCustomerId,
    description: content.description,
    // Who the parties are decides where the money goes, not whether it goes.
    status: movementOf({ ...content, customerId: null, agentId: null }) === undefined ? 'recorded' : 'pending',
  }
}

function namesOf(
  contents: readonly TransactionContent[],
  nameOf: (content: TransactionContent) => string | null,
): readonly string[] {
  return [...new Set(contents.map(nameOf))].filter((name) => name !== null)
}

function compareText(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
