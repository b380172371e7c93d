import Type from 'typebox'
import { findAgentKey } from '../../db/agents/agents.ts'
import { findCustomerKey } from '../../db/catalogue/customers.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { type Balance, listBalances } from '../../db/ledger/balances.ts'
import { listTransactions } from '../../db/transactions/transactions.ts'
import { validationError } from '../../shared/errors.ts'
import { transactionType } from '../../shared/transactions/transaction-type.ts'
import { TransactionItem, TransactionStatus } from '../agent-store/schemas.ts'
import { transactionItem } from '../agent-store/views.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { Decimal, failures, ListOf, Output, Time } from '../schemas/common.ts'

const Owner = {
  agent_id: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  user_id: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
}

const BalanceList = Output('BalanceList', {
  data: Type.Array(
    Output('Balance', {
      currency: Type.String(),
      balance: Decimal,
      updated_at: Time,
    }),
  ),
})

/** What was taken in of transactions, and what they add up to. */
export const transactionRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/billing/transactions',
    {
      schema: {
        operationId: 'listTransactions',
        summary: 'List transactions',
        description: 'Newest first.',
        tags: ['Billing'],
        querystring: Type.Object({
          ...Owner,
          type: Type.Optional(Type.String({ description: 'In any spelling.' })),
          status: Type.Optional(TransactionStatus),
          ...PAGE_QUERY,
        }),
        response: { 200: ListOf('TransactionList', TransactionItem), ...failures() },
      },
    },
    (request) => {
      const { type, status } = request.query
      const filter = { type: type === undefined ? undefined : transactionType(type), status }
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) => {
        const keys = await findOwner(transaction, id, request.query)
        if (keys === undefined) return { data: [], next_cursor: null }
        return pageAnswer(await listTransactions(transaction, id, { ...page, ...filter, ...keys }), transactionItem)
      })
    },
  )

  server.get(
    '/billing/balances',
    {
      schema: {
        operationId: 'listBalances',
        summary: 'Balances of an agent or a user',
        description:
          'One per currency, of what is posted: what is held for the user, or owed to the agent. Give one of the two.',
        tags: ['Billing'],
        querystring: Type.Object(Owner),
        response: { 200: BalanceList, ...failures() },
      },
    },
    (request) => {
      requireOneOwner(request.query)
      return within(request, async (transaction, id) => {
        const { agentKey, customerKey } = (await findOwner(transaction, id, request.query)) ?? {}
        if (agentKey !== undefined) return balanceList(await listBalances(transaction, id, { agentId: agentKey }))
        if (customerKey !== undefined)
          return balanceList(await listBalances(transaction, id, { customerId: customerKey }))
        return balanceList([])
      })
    },
  )
}

interface OwnerQuery {
  readonly agent_id?: string
  readonly user_id?: string
}

/** The keys of whom the query names; undefined when it names somebody whom nobody has named before. */
async function findOwner(
  transaction: OrganizationTransaction,
  organizationId: number,
  { agent_id, user_id }: OwnerQuery,
): Promise<{ agentKey: number | undefined; customerKey: number | undefined } | undefined> {
  const agentKey = agent_id === undefined ? undefined : await findAgentKey(transaction, organizationId, agent_id)
  const customerKey = user_id === undefined ? undefined : await findCustomerKey(transaction, organizationId, user_id)
  const isUnknown =
    (agent_id !== undefined && agentKey === undefined) || (user_id !== undefined && customerKey === undefined)
  return isUnknown ? undefined : { agentKey, customerKey }
}

function requireOneOwner({ agent_id, user_id }: OwnerQuery): void {
  if ((agent_id === undefined) !== (user_id === undefined)) return
  const msg = agent_id === undefined ? 'give agent_id or user_id' : 'give either agent_id or user_id, not both'
  throw validationError([{ loc: ['query', 'agent_id'], msg, type: agent_id === undefined ? 'missing' : 'conflict' }])
}

function balanceList(balances: readonly Balance[]) {
  return {
    data: balances.map(({ currency, balance, updatedAt }) => ({
      currency,
      balance: balance.toFixed(),
      updated_at: updatedAt.toString(),
    })),
  }
}
