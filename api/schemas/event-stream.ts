import Type, { type TSchema } from 'typebox'
import { Choice, HTTPValidationError, Nullable, Output } from './common.ts'

const PROGRESS = {
  accepted: Type.Integer({ description: 'Events that are durable.' }),
  rejected: Type.Integer(),
  rejections: Type.Array(
    Output('EventLineRejection', {
      line: Type.Integer({ minimum: 1, description: 'Counted from 1, blank lines included.' }),
      transaction_id: Nullable(Type.String({ description: 'Null when the line has none that can be read.' })),
      errors: HTTPValidationError.properties.detail,
    }),
    { description: 'The first lines that were rejected: at most 100, and 64 KiB.' },
  ),
  durable_lines: Type.Integer({
    description:
      'Every line up to this one is durable or rejected, and counted here; of later ones nothing is promised.',
  }),
}

export const EventStreamAnswer = Output('EventStreamAnswer', PROGRESS)

export const EventStreamRefusal = Output(
  'EventStreamRefusal',
  { ...HTTPValidationError.properties, ...PROGRESS },
  { description: 'No line of the stream is acceptable, or so many were rejected that it was not read any further.' },
)

const STREAM_FAILURES = [
  'bad_request',
  'request_timeout',
  'ingest_overloaded',
  'internal_error',
  'queue_unavailable',
  'database_unavailable',
] as const

const EventStreamFailure = Output(
  'EventStreamFailure',
  { detail: Type.String(), code: Choice(STREAM_FAILURES), ...PROGRESS },
  { description: 'The stream broke off here; the counts are those of its settled lines.' },
)

const STATUSES = ['400', '408', '429', '500', '503']

/** The failures of a route, where a stream adds how far it came. */
export function orStreamFailure<Failures extends Readonly<Record<string, TSchema>>>(failures: Failures): Failures {
  const widened = Object.entries(failures).map(
    ([status, { headers, ...schema }]: [string, TSchema & { headers?: object }]) => [
      status,
      STATUSES.includes(status)
        ? { ...Type.Union([schema, EventStreamFailure]), ...(headers && { headers }) }
        : failures[status],
    ],
  )
  return Object.fromEntries(widened) as Failures
}
