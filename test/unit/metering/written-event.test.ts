import { expect, test } from 'vitest'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { parseUsageEvent } from '../../../shared/metering/usage-event.ts'
import { readWrittenEvent, writtenEvent } from '../../../shared/metering/written-event.ts'

const READ = { loc: ['body'], receivedAtMicros: 1_767_225_600_000_001 }

test.each([
  '{"transaction_id":"t","external_customer_id":"c","code":"x"}',
  `{"transaction_id":"t","source":"gateway","external_customer_id":"c","external_subscription_id":"s","code":"x",
    "timestamp":"2026-01-01T00:00:00.123456Z","precise_total_amount_cents":"0.10","producer_id":"p","producer_sequence":7,
    "properties":{"n":1.50,"long":12345678901234567890,"in":{"list":[1,"a",null]}}}`,
])('an event that is written is read as the same event', (text) => {
  const read = parseUsageEvent(parseExactJson(text), READ)
  if (!('event' in read)) throw new Error(JSON.stringify(read.issues))
  const { timedByServer } = read.event
  expect(readWrittenEvent(writtenEvent(read.event), { timedByServer })).toEqual(read.event)
  const again = parseUsageEvent(parseExactJson(writtenEvent(read.event)), { ...READ, receivedAtMicros: 0 })
  expect(again).toEqual({ event: { ...read.event, timedByServer: false } })
})
