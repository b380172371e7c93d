import { type OrganizationTransaction, withOrganization } from '../../db/connection.ts'
import { SUBJECTS, type Subject } from '../../db/webhooks/subjects.ts'
import {
  listUncomposedMessages,
  lockUncomposedMessages,
  saveComposedMessages,
  type UncomposedMessage,
} from '../../db/webhooks/uncomposed-messages.ts'
import type { WorkerContext } from '../context.ts'
import { eachOrBisect } from '../each-or-bisect.ts'
import { messageBody } from './message-body.ts'

const BATCH = 500

/**
 * Writes the messages that were handed over, and their deliveries. One that cannot be written fails the job when all
 * others of its batch are done. Answers with their number.
 */
export async function composeMessages({ connection, log }: WorkerContext): Promise<number> {
  let composed = 0
  for (;;) {
    const uncomposed = await listUncomposedMessages(connection, BATCH)
    let composedNow = 0
    for (const { organizationId, ids } of uncomposed) {
      composedNow += await eachOrBisect(ids, log, (chunk) =>
        withOrganization(connection, organizationId, (transaction) => composeChunk(transaction, organizationId, chunk)),
      )
    }
    composed += composedNow
    // Nothing of a full batch was to be had: another worker holds it, and will do the rest as well.
    if (uncomposed.flatMap(({ ids }) => ids).length < BATCH || composedNow === 0) return composed
  }
}

async function composeChunk(
  transaction: OrganizationTransaction,
  organizationId: number,
  ids: readonly string[],
): Promise<number> {
  const messages = await lockUncomposedMessages(transaction, organizationId, ids)
  const subjects = await loadSubjects(transaction, organizationId, messages)
  await saveComposedMessages(
    transaction,
    organizationId,
    messages.map((message) => ({ id: message.id, body: messageBody(message, subjects.get(subjectKey(message))) })),
  )
  return messages.length
}

async function loadSubjects(
  transaction: OrganizationTransaction,
  organizationId: number,
  messages: readonly UncomposedMessage[],
): Promise<ReadonlyMap<string, Subject>> {
  const subjects = new Map<string, Subject>()
  for (const [kind, ofKind] of Map.groupBy(messages, kindOf)) {
    const ids = [...new Set(ofKind.map(subjectId).filter((id) => id !== ''))]
    if (ids.length === 0) continue
    for (const subject of (await SUBJECTS[kind]?.(transaction, organizationId, ids)) ?? []) {
      subjects.set(`${kind}/${subject.id}`, subject)
    }
  }
  return subjects
}

function kindOf({ type }: UncomposedMessage): string {
  return type.split('.')[0] ?? ''
}

function subjectId(message: UncomposedMessage): string {
  const { subject } = message
  return String(subject[`${kindOf(message)}_id`] ?? subject['reason'] ?? '')
}

function subjectKey(message: UncomposedMessage): string {
  return `${kindOf(message)}/${subjectId(message)}`
}
