/** Where a day is in the order of days: of a customer, then by its number since the epoch. */
interface PlacedDay {
  readonly customerId: number
  readonly day: number
}

/** A customer's day of two lists; it may be missing in one of them. */
export interface DayPair<Left, Right> extends PlacedDay {
  readonly left: Left | undefined
  readonly right: Right | undefined
}

/** Walks two lists of days side by side; both must be in order of customer, then time. */
export async function* pairDays<Left extends PlacedDay, Right extends PlacedDay>(
  lefts: AsyncGenerator<Left, void>,
  rights: AsyncGenerator<Right, void>,
): AsyncGenerator<DayPair<Left, Right>, void> {
  let [nextLeft, nextRight] = [await lefts.next(), await rights.next()]
  while (!nextLeft.done || !nextRight.done) {
    const order = nextLeft.done ? 1 : nextRight.done ? -1 : orderOf(nextLeft.value, nextRight.value)
    const [left, right] = [
      order <= 0 && !nextLeft.done ? nextLeft.value : undefined,
      order >= 0 && !nextRight.done ? nextRight.value : undefined,
    ]
    const { customerId = 0, day = 0 } = left ?? right ?? {}
    yield { customerId, day, left, right }
    if (left !== undefined) nextLeft = await lefts.next()
    if (right !== undefined) nextRight = await rights.next()
  }
}

function orderOf(one: PlacedDay, other: PlacedDay): number {
  return one.customerId - other.customerId || one.day - other.day
}
