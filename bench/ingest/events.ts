import { type Random, seededRandom } from '../../cli/demo/seeded-random.ts'

export const CUSTOMERS = 2_000
/** Values of the one property that tells series apart. */
const MODELS = ['large', 'small', 'tiny'] as const

/** Codes of events, and the metrics that count them. Events of the first three are counted once, of the last thrice. */
export const METRICS = [
  { code: 'chat_tokens', event_code: 'chat', aggregation: 'sum', field_name: 'tokens' },
  { code: 'search_tokens', event_code: 'search', aggregation: 'sum', field_name: 'tokens' },
  { code: 'vision_tokens', event_code: 'vision', aggregation: 'sum', field_name: 'tokens' },
  { code: 'agent_calls', event_code: 'agent', aggregation: 'count' },
  { code: 'agent_tokens', event_code: 'agent', aggregation: 'sum', field_name: 'tokens' },
  { code: 'agent_seconds', event_code: 'agent', aggregation: 'sum', field_name: 'seconds' },
] as const

const SINGLY_COUNTED = ['chat', 'search', 'vision'] as const

/** What the events of a run are like. */
export interface EventShape {
  /** By how many metrics each is counted. */
  readonly metrics: 1 | 3
  /** Share of events that are sent a second time, soon after the first. */
  readonly duplicates: number
  /** Share of events that one customer sends. */
  readonly ofOneCustomer: number
}

/** What should have been counted: events, and per metric events and units (thousandths). */
export interface Tally {
  events: number
  readonly metrics: Map<string, { events: number; thousandths: number }>
}

/** Events as JSON text, in the order of sending, and what they come to when each counts once. */
export interface PreparedEvents {
  readonly texts: readonly string[]
  readonly tally: Tally
}

// Resent events come from the last this many, so that many of them meet the first in the same transaction.
const RESENT_WITHIN = 20_000
const SPACING_MICROS = 10

/** Events drawn at random, about 260 bytes each, stamped with the seconds before now. The prefix makes them new. */
export function prepareEvents(prefix: string, count: number, shape: EventShape): PreparedEvents {
  const random = seededRandom(1, prefix)
  const tally: Tally = { events: 0, metrics: new Map() }
  const startMicros = Date.now() * 1000 - count * SPACING_MICROS
  const texts: string[] = []
  for (let index = 0; index < count; index += 1) {
    const resent = shape.duplicates > 0 && random() < shape.duplicates ? drawn(texts, random) : undefined
    if (resent === undefined) {
      const event = draw(index, shape, random)
      countIn(tally, event)
      texts.push(textOf(prefix, index, event, startMicros + index * SPACING_MICROS))
    } else texts.push(resent)
  }
  return { texts, tally }
}

/** One event for each series there can be, so that a run after it creates none. */
export function prepareEverySeries(prefix: string): PreparedEvents {
  const tally: Tally = { events: 0, metrics: new Map() }
  const startMicros = Date.now() * 1000
  const texts: string[] = []
  for (const code of [...SINGLY_COUNTED, 'agent']) {
    for (let customer = 0; customer < CUSTOMERS; customer += 1) {
      for (const model of MODELS) {
        const event = { customer, code, model, tokens: 1, milliseconds: 1 }
        countIn(tally, event)
        texts.push(textOf(prefix, texts.length, event, startMicros))
      }
    }
  }
  return { texts, tally }
}

/** The external id of a customer. */
export function customerName(customer: number): string {
  return `customer-${String(customer).padStart(4, '0')}`
}

interface DrawnEvent {
  readonly customer: number
  readonly code: string
  readonly model: string
  readonly tokens: number
  readonly milliseconds: number
}

function draw(index: number, { metrics, ofOneCustomer }: EventShape, random: Random): DrawnEvent {
  return {
    customer: ofOneCustomer > 0 && random() < ofOneCustomer ? 0 : below(CUSTOMERS, random),
    code: metrics === 1 ? (SINGLY_COUNTED[index % SINGLY_COUNTED.length] as string) : 'agent',
    model: MODELS[below(MODELS.length, random)] as string,
    tokens: 1 + below(4_000, random),
    milliseconds: 1 + below(9_000, random),
  }
}

function drawn(texts: readonly string[], random: Random): string | undefined {
  return texts[texts.length - 1 - below(Math.min(texts.length, RESENT_WITHIN), random)]
}

function below(limit: number, random: Random): number {
  return Math.floor(random() * limit)
}

function countIn(tally: Tally, { code, tokens, milliseconds }: DrawnEvent): void {
  tally.events += 1
  for (const metric of METRICS) {
    if (metric.event_code !== code) continue
    const counted = tally.metrics.getOrInsertComputed(metric.code, () => ({ events: 0, thousandths: 0 }))
    counted.events += 1
    if (metric.aggregation === 'count') counted.thousandths += 1000
    else counted.thousandths += metric.field_name === 'tokens' ? tokens * 1000 : milliseconds
  }
}

function textOf(prefix: string, index: number, event: DrawnEvent, micros: number): string {
  const millis = Math.floor(micros / 1000)
  const time = `${new Date(millis).toISOString().slice(0, -1)}${String(micros % 1000).padStart(3, '0')}Z`
  return (
    `{"transaction_id":"${prefix}-${String(index).padStart(12, '0')}","external_customer_id":"${customerName(event.customer)}",` +
    `"code":"${event.code}","timestamp":"${time}","properties":{"model":"${event.model}","tokens":${event.tokens},` +
    `"seconds":${event.milliseconds / 1000},"region":"eu-west-1","route":"/v1/chat/completions"}}`
  )
}
