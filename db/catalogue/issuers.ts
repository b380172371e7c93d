import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import { AppError, assert } from '../../shared/errors.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { Database } from '../schema.ts'

/** Who sends the invoices: its numbers, its grace and its terms. */
export type Issuer = Selectable<Database['issuers']>

/** Newest first. */
export async function listIssuers(
  transaction: OrganizationTransaction,
  organizationId: number,
  page: PageRequest,
): Promise<Page<Issuer>> {
  return await newestFirst(selectIssuers(transaction, organizationId), page)
}

export async function requireIssuer(
  transaction: OrganizationTransaction,
  organizationId: number,
  code: string,
): Promise<Issuer> {
  return found(await selectIssuers(transaction, organizationId).where('code', '=', code).executeTakeFirst(), code)
}

/** The issuer that every subscription gets that names none; each organization has exactly one. */
export async function requireDefaultIssuer(
  transaction: OrganizationTransaction,
  organizationId: number,
): Promise<Issuer> {
  const issuer = await selectIssuers(transaction, organizationId).where('isDefault', '=', true).executeTakeFirst()
  assert(issuer !== undefined, `organization ${organizationId} has no default issuer`)
  return issuer
}

/** What of an issuer may change; absent fields stay. Invoices that exist keep what they were issued with. */
export interface IssuerChanges {
  readonly name?: string
  readonly gracePeriodSeconds?: number
  readonly netPaymentTermDays?: number
  readonly invoiceNumberPrefix?: string
  readonly creditNoteNumberPrefix?: string
}

export async function updateIssuer(
  transaction: OrganizationTransaction,
  organizationId: number,
  code: string,
  changes: IssuerChanges,
): Promise<Issuer> {
  const issuer = await transaction
    .updateTable('issuers')
    .set({ ...changes, updatedAt: sql`now()` })
    .where('organizationId', '=', organizationId)
    .where('code', '=', code)
    .returningAll()
    .executeTakeFirst()
  return found(issuer, code)
}

function selectIssuers(transaction: OrganizationTransaction, organizationId: number) {
  return transaction.selectFrom('issuers').selectAll().where('organizationId', '=', organizationId)
}

function found(issuer: Issuer | undefined, code: string): Issuer {
  if (issuer === undefined) throw new AppError('issuer_not_found', `no issuer has the code "${code}"`)
  return issuer
}
