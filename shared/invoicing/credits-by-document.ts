import { assert } from '../errors.ts'
import { partsOfCredit } from './parts-of-credit.ts'
import type { RatedLine } from './rated-line.ts'

/** A final invoice, or debit note, that credit notes may name. */
export interface CreditableDocument {
  readonly id: string
  /** What it comes to less what credit notes gave back of it already, in minor units. */
  readonly leftMinor: bigint
}

/** What a credit note gives back of one document. */
export interface DocumentCredit<Line> {
  readonly documentId: string
  /** Minor units, above zero; its lines come to the same below zero. */
  readonly amountMinor: bigint
  readonly lines: readonly Line[]
}

/**
 * The credit that late lines come to, by the document that billed what is given back, the latest first, so that none gives
 * back more than is left of it. A document may have less left than it billed of a line, because it bore a credit for another
 * period: then other documents of the subscription give the rest.
 */
export function creditsByDocument<Line extends { readonly line: RatedLine }>(
  lines: readonly Line[],
  /** All of the subscription, the latest first. */
  documents: readonly CreditableDocument[],
): DocumentCredit<Line>[] {
  const taken = takenByDocument(
    lines.map(({ line }) => line),
    documents,
  )
  const giving = documents.flatMap(({ id }) => (taken.some((ofLine) => ofLine.has(id)) ? [id] : []))
  const parts = lines.map((late, place) => partsByDocument(late, { taken: taken[place] ?? new Map(), giving }))
  return giving.map((documentId) => {
    const ofDocument = parts.flatMap((byDocument) => byDocument.get(documentId) ?? [])
    const amountMinor = ofDocument.reduce((sum, { line }) => sum - line.amountMinor, 0n)
    return { documentId, amountMinor, lines: ofDocument }
  })
}

/** The documents with what is left of them after the credits. */
export function withoutCredits(
  documents: readonly CreditableDocument[],
  credits: readonly Omit<DocumentCredit<unknown>, 'lines'>[],
): CreditableDocument[] {
  const given = new Map(credits.map(({ documentId, amountMinor }) => [documentId, amountMinor]))
  return documents.map(({ id, leftMinor }) => ({ id, leftMinor: leftMinor - (given.get(id) ?? 0n) }))
}

type ByDocument<Value> = ReadonlyMap<string, Value>

/** What is taken off each line, by document. */
function takenByDocument(lines: readonly RatedLine[], documents: readonly CreditableDocument[]): ByDocument<bigint>[] {
  const taken = lines.map(() => new Map<string, bigint>())
  const left = lines.map(creditOf)
  const leftOfDocuments = new Map(documents.map(({ id, leftMinor }) => [id, leftMinor]))
  let missing = lines.reduce((sum, { amountMinor }) => sum - amountMinor, 0n)
  const take = (place: number, id: string, amountMinor: bigint) => {
    taken[place]?.set(id, (taken[place].get(id) ?? 0n) + amountMinor)
    left[place] = (left[place] ?? 0n) - amountMinor
  }
  for (const { id, place, mostMinor } of offersOf(lines, documents)) {
    const ofDocument = leftOfDocuments.get(id) ?? 0n
    const amountMinor = least(mostMinor, left[place] ?? 0n, ofDocument, missing)
    if (amountMinor <= 0n) continue
    take(place, id, amountMinor)
    leftOfDocuments.set(id, ofDocument - amountMinor)
    missing -= amountMinor
  }
  assert(missing === 0n, 'a credit is more than all that was billed to its subscription')
  // Lines above zero make up for the rest of the credits, so these go where those do.
  const last = documents.findLast(({ id }) => taken.some((ofLine) => ofLine.has(id)))
  for (const [place, rest] of left.entries()) if (last !== undefined && rest > 0n) take(place, last.id, rest)
  return taken
}

/** Which document may give how much of which line, in the order in which they are asked. */
function* offersOf(lines: readonly RatedLine[], documents: readonly CreditableDocument[]) {
  for (const { id } of documents) {
    for (const [place, { corrects }] of lines.entries()) {
      yield { id, place, mostMinor: corrects?.billedMinor.get(id) ?? 0n }
    }
  }
  for (const { id } of documents) {
    for (const [place, line] of lines.entries()) yield { id, place, mostMinor: creditOf(line) }
  }
}

function creditOf({ amountMinor }: RatedLine): bigint {
  return amountMinor < 0n ? -amountMinor : 0n
}

/** A line as each document has it that gives a part; the last one has those above zero. */
function partsByDocument<Line extends { readonly line: RatedLine }>(
  late: Line,
  { taken, giving }: { taken: ByDocument<bigint>; giving: readonly string[] },
): ByDocument<Line> {
  const last = giving.at(-1)
  if (late.line.amountMinor >= 0n) return new Map(last === undefined ? [] : [[last, late]])
  const ids = giving.filter((id) => taken.has(id))
  const parts = partsOfCredit(
    late.line,
    ids.map((id) => -(taken.get(id) ?? 0n)),
  )
  return new Map(
    ids.flatMap((id, place) => (parts[place] === undefined ? [] : [[id, { ...late, line: parts[place] }]])),
  )
}

function least(...amounts: readonly bigint[]): bigint {
  return amounts.reduce((one, other) => (one < other ? one : other))
}
