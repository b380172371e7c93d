import fc from 'fast-check'
import type { PoolClient } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyRows } from '../../../db/copy.ts'
import { createMeteringFixture, type MeteringFixture } from '../../support/metering.ts'

let fixture: MeteringFixture
let client: PoolClient
beforeAll(async () => {
  fixture = await createMeteringFixture()
  client = await fixture.pool.connect()
  await client.query(`create temporary table copied (
    place integer, big bigint, id uuid, at timestamptz, name text, amount numeric, properties jsonb)`)
})
afterAll(async () => {
  client.release(true)
  await fixture.close()
})

interface Row {
  readonly big: bigint
  readonly id: string
  readonly micros: number
  readonly name: string | null
  readonly amount: string | null
  readonly properties: object
}

async function writtenAndRead(rows: readonly Row[]): Promise<readonly Row[]> {
  await client.query('truncate copied')
  await copyRows(client, 'copied', rows.entries(), ([place, row], to) => {
    to.row(7).integer(place).bigint(row.big).uuid(row.id).timestamp(row.micros)
    to.text(row.name).numeric(row.amount).jsonb(JSON.stringify(row.properties))
  })
  const read = await client.query(`select big::text, id::text, name, amount::text, properties::text,
    (extract(epoch from at) * 1000000)::bigint::text as micros from copied order by place`)
  return read.rows.map(({ big, id, micros, name, amount, properties }) => ({
    big: BigInt(big),
    id: id.replaceAll('-', ''),
    micros: Number(micros),
    name,
    amount,
    properties: JSON.parse(properties),
  }))
}

const hexadecimal = fc.array(
  fc.integer({ min: 0, max: 15 }).map((digit) => digit.toString(16)),
  { minLength: 32, maxLength: 32 },
)
const digits = (most: number) => fc.stringMatching(new RegExp(`^[0-9]{0,${most}}$`))
const decimalText = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 40n }), digits(30))
  .map(([isNegative, whole, fraction]) => {
    const text = fraction === '' ? `${whole}` : `${whole}.${fraction}`
    // There is no negative zero.
    return isNegative && /[1-9]/.test(text) ? `-${text}` : text
  })
const anyText = fc.string({ unit: 'grapheme', maxLength: 300 }).map((text) => text.replaceAll('\u0000', ''))
const anyRow: fc.Arbitrary<Row> = fc.record({
  big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  id: hexadecimal.map((letters) => letters.join('')),
  micros: fc.integer({ min: Date.UTC(1950, 0) * 1000, max: Date.UTC(2100, 0) * 1000 }),
  name: fc.option(anyText),
  amount: fc.option(decimalText),
  properties: fc.dictionary(fc.constantFrom('tokens', 'ünit', '"'), fc.oneof(anyText, fc.integer())),
})

test('what is copied is what is read, whatever the values', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRow, { maxLength: 40 }), async (rows) => {
      expect(await writtenAndRead(rows)).toEqual(rows)
    }),
    { numRuns: 60 },
  )
})

test('rows larger than a chunk, and more of them than fit into one, arrive whole', async () => {
  const row: Row = { big: 1n, id: 'f'.repeat(32), micros: 1, name: 'ä'.repeat(200_000), amount: '0.5', properties: {} }
  const rows = Array.from({ length: 40 }, (_, index) => ({
    ...row,
    big: BigInt(index),
    name: row.name?.slice(index) ?? null,
  }))
  expect(await writtenAndRead(rows)).toEqual(rows)
})

test('a row that the server refuses leaves none', async () => {
  await client.query('truncate copied')
  const rows = ['fine', 'a\u0000b']
  const copying = copyRows(client, 'copied (name)', rows, (name, to) => void to.row(1).text(name))
  await expect(copying).rejects.toMatchObject({ code: '22021' })
  expect((await client.query('select from copied')).rowCount).toBe(0)
})
