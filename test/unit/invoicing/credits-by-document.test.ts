import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { creditsByDocument } from '../../../shared/invoicing/credits-by-document.ts'
import type { RatedLine } from '../../../shared/invoicing/rated-line.ts'
import { decimal, ZERO } from '../../../shared/money/decimal.ts'
import { fromMinor } from '../../../shared/money/round.ts'

/** A late line over so many cents, of a usage of which documents billed so many. */
function late(description: string, cents: number, billed: Readonly<Record<string, number>>): { line: RatedLine } {
  const billedMinor = new Map(Object.entries(billed).map(([id, amount]) => [id, BigInt(amount)]))
  const billedSum = [...billedMinor.values()].reduce((sum, amount) => sum + amount, 0n)
  // What it costs by now is a third of a cent more than what it is rounded to.
  const amount = fromMinor(BigInt(cents), 'USD').plus(decimal('0.003'))
  const steps = [{ amount: amount.plus(fromMinor(billedSum, 'USD')) }] as unknown as RatedLine['steps']
  return {
    line: {
      kind: cents > 0 ? 'late_usage' : 'usage_credit',
      componentId: 'component',
      description,
      metricCode: 'tokens',
      units: decimal(`${cents}`),
      eventsCount: 1n,
      unitAmount: ZERO,
      amount,
      amountMinor: BigInt(cents),
      currency: 'USD',
      periodStart: Temporal.Instant.from('2026-01-01T00:00:00Z'),
      periodEnd: Temporal.Instant.from('2026-02-01T00:00:00Z'),
      steps,
      adjustments: [{ kind: 'billed_before', amount: fromMinor(-billedSum, 'USD') }],
      corrects: { invoiceId: 'invoice', kind: 'usage', billedMinor },
    },
  }
}

const documents = (left: Readonly<Record<string, number>>) =>
  Object.entries(left).map(([id, amount]) => ({ id, leftMinor: BigInt(amount) }))

/** The credits as text, line by line. */
const creditsOf = (lines: readonly { line: RatedLine }[], left: Readonly<Record<string, number>>) =>
  creditsByDocument(lines, documents(left)).map(
    ({ documentId, amountMinor, lines: ofDocument }) =>
      `${documentId} ${amountMinor}: ${ofDocument.map(({ line }) => `${line.description} ${line.amountMinor}`).join(', ')}`,
  )

describe('a credit', () => {
  test.each<[string, { line: RatedLine }[], Record<string, number>, string[]]>([
    ['names the only document', [late('a', -300, { invoice: 800 })], { invoice: 1000 }, ['invoice 300: a -300']],
    [
      'names the document that billed last, up to what it billed',
      [late('a', -600, { note: 500, invoice: 800 })],
      { note: 500, invoice: 800 },
      ['note 500: a -500', 'invoice 100: a -100'],
    ],
    [
      'names for each line the document that billed it',
      [late('a', -300, { invoice: 800 }), late('b', -200, { note: 500 })],
      { note: 500, invoice: 800 },
      ['note 200: b -200', 'invoice 300: a -300'],
    ],
    [
      'gives no more than is left of a document',
      [late('a', -600, { note: 500, invoice: 800 })],
      { note: 100, invoice: 800 },
      ['note 100: a -100', 'invoice 500: a -500'],
    ],
    [
      'is given by another document where credits of other periods have used up what billed it',
      [late('a', -100, { invoice: 100 })],
      { invoice: 40, earlier: 900 },
      ['invoice 40: a -40', 'earlier 60: a -60'],
    ],
    [
      'goes with the lines that make up for a part of it',
      [late('a', -1500, { note: 500, invoice: 1000 }), late('b', 1000, { invoice: 200 })],
      { note: 500, invoice: 1200 },
      ['note 500: a -1500, b 1000'],
    ],
    [
      'has nothing to do with a document of which too much was given back',
      [late('a', -100, { note: 100, invoice: 100 })],
      { note: -50, invoice: 150 },
      ['invoice 100: a -100'],
    ],
  ])('%s', (_rule, lines, left, expected) => {
    expect(creditsOf(lines, left)).toEqual(expected)
  })

  test('over more than was ever billed is a fault', () => {
    expect(() => creditsOf([late('a', -600, { invoice: 600 })], { invoice: 500 })).toThrow(
      'more than all that was billed',
    )
  })

  test('is explained part by part, the units with the first', () => {
    const [note, invoice] = creditsByDocument(
      [late('a', -600, { note: 500, invoice: 800 })],
      documents({ note: 500, invoice: 800 }),
    ).flatMap(({ lines }) => lines.map(({ line }) => line))
    expect([note?.units.toFixed(), note?.eventsCount, invoice?.units.toFixed(), invoice?.eventsCount]).toEqual([
      '-600',
      1n,
      '0',
      0n,
    ])
    const adjustmentsOf = (line: RatedLine | undefined) =>
      line?.adjustments?.map(({ kind, amount }) => `${kind} ${amount.toFixed()}`)
    expect(adjustmentsOf(note)).toEqual(['billed_before -13', 'credited_later 0.997'])
    expect(adjustmentsOf(invoice)).toEqual(['billed_before -8'])
  })

  test('comes to the lines, whatever is left of the documents, and no document gives more than that', () => {
    const ids = ['c', 'b', 'a']
    const amounts = fc.tuple(...ids.map(() => fc.integer({ min: 0, max: 500 })))
    const drawn = fc.record({
      lines: fc.array(fc.tuple(amounts, fc.integer({ min: -1500, max: 300 })), { minLength: 1, maxLength: 5 }),
      lessLeft: amounts,
    })
    fc.assert(
      fc.property(drawn, ({ lines: wanted, lessLeft }) => {
        const lines = wanted.flatMap(([billed, cents], place) => {
          const sum = billed.reduce((total, amount) => total + amount, 0)
          const amount = Math.max(cents, -sum)
          return amount === 0
            ? []
            : [late(`${place}`, amount, Object.fromEntries(ids.map((id, at) => [id, billed[at] ?? 0])))]
        })
        const net = lines.reduce((sum, { line }) => sum + Number(line.amountMinor), 0)
        fc.pre(net < 0)
        const billedOn = (at: number) => wanted.reduce((sum, [billed]) => sum + (billed[at] ?? 0), 0)
        const left = Object.fromEntries(ids.map((id, at) => [id, billedOn(at) - (lessLeft[at] ?? 0)]))
        left['d'] = 10_000
        const credits = creditsByDocument(lines, documents(left))
        expect(credits.reduce((sum, { amountMinor }) => sum + Number(amountMinor), 0)).toBe(-net)
        for (const { documentId, amountMinor, lines: ofDocument } of credits) {
          expect(amountMinor).toBeGreaterThan(0n)
          expect(amountMinor).toBeLessThanOrEqual(left[documentId] ?? 0)
          expect(ofDocument.reduce((sum, { line }) => sum - line.amountMinor, 0n)).toBe(amountMinor)
          for (const { line } of ofDocument)
            expect(sumOf([...line.steps, ...(line.adjustments ?? [])])).toEqual(line.amount)
        }
        const given = Map.groupBy(
          credits.flatMap(({ lines: ofDocument }) => ofDocument.map(({ line }) => line)),
          ({ description }) => description,
        )
        for (const { line } of lines) {
          const parts = given.get(line.description) ?? []
          expect(parts.reduce((sum, { amountMinor }) => sum + amountMinor, 0n)).toBe(line.amountMinor)
          expect([sumOf(parts), parts.reduce((sum, { units }) => sum.plus(units), ZERO)]).toEqual([
            line.amount,
            line.units,
          ])
        }
      }),
      { numRuns: 500 },
    )
  })
})

function sumOf(parts: readonly Pick<RatedLine, 'amount'>[]) {
  return parts.reduce((sum, { amount }) => sum.plus(amount), ZERO)
}
