import Type from 'typebox'
import {
  type Issuer,
  type IssuerChanges,
  listIssuers,
  requireIssuer,
  updateIssuer,
} from '../../db/catalogue/issuers.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { Code, failures, Input, ListOf, Name, Output, Time, Uuid } from '../schemas/common.ts'

const IssuerAnswer = Output('Issuer', {
  id: Uuid,
  code: Code,
  name: Type.String(),
  is_default: Type.Boolean(),
  grace_period_seconds: Type.Integer({ description: 'How long a new invoice stays a draft.' }),
  net_payment_term_days: Type.Integer({ description: 'Days from finalization until an invoice is due.' }),
  invoice_number_prefix: Type.String(),
  credit_note_number_prefix: Type.String(),
  created_at: Time,
  updated_at: Time,
})

const IssuerPatch = Input('IssuerUpdate', {
  name: Type.Optional(Name),
  grace_period_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 31_536_000 })),
  net_payment_term_days: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_650 })),
  invoice_number_prefix: Type.Optional(Type.String({ maxLength: 32 })),
  credit_note_number_prefix: Type.Optional(Type.String({ maxLength: 32 })),
})

const ByCode = Type.Object({ code: Code })

/** Who sends invoices. */
export const issuerRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/issuers',
    {
      schema: {
        operationId: 'listIssuers',
        summary: 'List issuers',
        tags: ['Issuers'],
        querystring: Type.Object(PAGE_QUERY),
        response: { 200: ListOf('IssuerList', IssuerAnswer), ...failures() },
      },
    },
    (request) => {
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) => pageAnswer(await listIssuers(transaction, id, page), view))
    },
  )

  server.get(
    '/issuers/:code',
    {
      schema: {
        operationId: 'getIssuer',
        summary: 'Retrieve an issuer',
        tags: ['Issuers'],
        params: ByCode,
        response: { 200: IssuerAnswer, ...failures('issuer_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, id) => view(await requireIssuer(transaction, id, request.params.code))),
  )

  server.patch(
    '/issuers/:code',
    {
      schema: {
        operationId: 'updateIssuer',
        summary: 'Update an issuer',
        description: 'Holds for invoices issued from now on.',
        tags: ['Issuers'],
        params: ByCode,
        body: IssuerPatch,
        response: { 200: IssuerAnswer, ...failures('issuer_not_found') },
      },
    },
    (request) => {
      const changes = changesOf(request.body)
      return within(request, async (transaction, id) =>
        view(await updateIssuer(transaction, id, request.params.code, changes)),
      )
    },
  )
}

function changesOf(patch: Type.Static<typeof IssuerPatch>): IssuerChanges {
  return {
    ...(patch.name === undefined ? {} : { name: patch.name }),
    ...(patch.grace_period_seconds === undefined ? {} : { gracePeriodSeconds: patch.grace_period_seconds }),
    ...(patch.net_payment_term_days === undefined ? {} : { netPaymentTermDays: patch.net_payment_term_days }),
    ...(patch.invoice_number_prefix === undefined ? {} : { invoiceNumberPrefix: patch.invoice_number_prefix }),
    ...(patch.credit_note_number_prefix === undefined
      ? {}
      : { creditNoteNumberPrefix: patch.credit_note_number_prefix }),
  }
}

function view(issuer: Issuer) {
  return {
    id: issuer.id,
    code: issuer.code,
    name: issuer.name,
    is_default: issuer.isDefault,
    grace_period_seconds: issuer.gracePeriodSeconds,
    net_payment_term_days: issuer.netPaymentTermDays,
    invoice_number_prefix: issuer.invoiceNumberPrefix,
    credit_note_number_prefix: issuer.creditNoteNumberPrefix,
    created_at: issuer.createdAt.toString(),
    updated_at: issuer.updatedAt.toString(),
  }
}
