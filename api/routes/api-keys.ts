import Type from 'typebox'
import { type ApiKey, insertApiKey, listApiKeys, revokeApiKey } from '../../db/catalogue/api-keys.ts'
import { inOrganization, type Routes } from '../context.ts'
import { KEY_SCOPES } from '../key-scopes.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { Choice, failures, Input, ListOf, Name, Nullable, Output, Time, Uuid } from '../schemas/common.ts'

const Scope = Choice(KEY_SCOPES, {
  title: 'KeyScope',
  description:
    '`read` reads, `write` changes and sends events, `events:write` only sends events, `*` does all of it and manages keys.',
})

const ApiKeyCreate = Input(
  'ApiKeyCreate',
  {
    name: Name,
    scopes: Type.Optional(Type.Array(Scope, { minItems: 1, maxItems: 10, default: ['*'] })),
    external_customer_id: Type.Optional(
      Nullable(
        Type.String({
          minLength: 1,
          maxLength: 255,
          description: 'The customer that the key speaks for. It can be used only where that customer counts.',
        }),
      ),
    ),
  },
  { examples: [{ name: 'Gateway', scopes: ['events:write'] }] },
)

const KEY = {
  id: Uuid,
  name: Type.String(),
  prefix: Type.String({ description: 'How the key begins, to tell keys apart.' }),
  scopes: Type.Array(Scope),
  external_customer_id: Nullable(Type.String()),
  last_used_at: Nullable(Type.String({ format: 'date-time', description: 'To the minute.' })),
  created_at: Time,
}

const ApiKeyAnswer = Output('ApiKey', KEY)

const CreatedApiKey = Output('CreatedApiKey', {
  ...KEY,
  key: Type.String({ description: 'The secret. It is answered once; only its hash is kept.' }),
})

/** Who may do what in the name of the organization. */
export const apiKeyRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/api_keys',
    {
      schema: {
        operationId: 'createApiKey',
        summary: 'Create an API key',
        tags: ['Organization'],
        body: ApiKeyCreate,
        response: { 201: CreatedApiKey, ...failures() },
      },
    },
    async (request, reply) => {
      const { name, scopes = ['*'], external_customer_id: externalCustomerId = null } = request.body
      const definition = { name, scopes: [...new Set(scopes)], externalCustomerId }
      const { key, secret } = await within(request, (transaction, id) => insertApiKey(transaction, id, definition))
      return reply.code(201).send({ ...view(key), key: secret })
    },
  )

  server.get(
    '/api_keys',
    {
      schema: {
        operationId: 'listApiKeys',
        summary: 'List API keys',
        description: 'Those that work.',
        tags: ['Organization'],
        querystring: Type.Object(PAGE_QUERY),
        response: { 200: ListOf('ApiKeyList', ApiKeyAnswer), ...failures() },
      },
    },
    (request) => {
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) => pageAnswer(await listApiKeys(transaction, id, page), view))
    },
  )

  server.delete(
    '/api_keys/:id',
    {
      schema: {
        operationId: 'revokeApiKey',
        summary: 'Revoke an API key',
        description: 'It stops working within five seconds. A key does not revoke itself.',
        tags: ['Organization'],
        params: Type.Object({ id: Uuid }),
        response: { 204: Type.Null({ description: 'Revoked' }), ...failures('api_key_not_found', 'api_key_in_use') },
      },
    },
    async (request, reply) => {
      const keys = { id: request.params.id, byKeyId: request.apiKeyId }
      await within(request, (transaction, id) => revokeApiKey(transaction, id, keys))
      return reply.code(204).send(null)
    },
  )
}

function view(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    prefix: key.keyPrefix,
    scopes: key.scopes,
    external_customer_id: key.externalCustomerId,
    last_used_at: key.lastUsedAt?.toString() ?? null,
    created_at: key.createdAt.toString(),
  }
}
