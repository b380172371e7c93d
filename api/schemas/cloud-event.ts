import Type from 'typebox'
import { Choice, JsonObject, Nullable } from './common.ts'

const Text = Type.String({ minLength: 1, maxLength: 255 })

/** Documents a CloudEvent; the routes read it by hand. Further attributes are extensions. */
export const CloudEventInput = Type.Object(
  {
    specversion: Choice(['1.0']),
    id: Type.String({ minLength: 1, maxLength: 255, description: 'Identifies the event within its source.' }),
    source: Type.String({ minLength: 1, maxLength: 255, description: 'Names the producer.' }),
    type: Type.String({ minLength: 1, maxLength: 255, description: 'The event code that metrics read.' }),
    subject: Type.String({ minLength: 1, maxLength: 255, description: 'The customer’s external id.' }),
    time: Type.Optional(Nullable(Type.String({ description: 'RFC 3339; the time of receipt when left out.' }))),
    datacontenttype: Type.Optional(Nullable(Choice(['application/json']))),
    data: Type.Optional(Nullable(JsonObject)),
    externalsubscriptionid: Type.Optional(Nullable(Text)),
    precisetotalamountcents: Type.Optional(Nullable(Type.String())),
    producerid: Type.Optional(Nullable(Text)),
    producersequence: Type.Optional(Nullable(Type.Union([Type.Integer({ minimum: 1 }), Type.String()]))),
  },
  {
    title: 'CloudEventInput',
    description: 'Attributes that are not named here become properties, unless the data has one of that name.',
    examples: [
      {
        specversion: '1.0',
        id: 'request-7f3a',
        source: 'gateway-eu',
        type: 'llm_request',
        subject: 'acme',
        time: '2026-01-31T12:00:00.123456Z',
        data: { model: 'large', usage: { input_tokens: 1200, output_tokens: 85 } },
      },
    ],
  },
)
