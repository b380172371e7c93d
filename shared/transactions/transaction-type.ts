/** The types that move money; every other type is a memo entry. */
const MOVING_TYPES = ['topup', 'purchase', 'usage', 'refund', 'payout', 'adjustment'] as const

export type MovingType = (typeof MOVING_TYPES)[number]

/**
 * The one spelling of a type: `top_up`, `top-up`, `Top Up` and `TopUp` are `topup`. The type of a memo entry stays as it
 * was written.
 */
export function transactionType(written: string): string {
  const plain = written.toLowerCase().replaceAll(/[\s_-]/g, '')
  return isMovingType(plain) ? plain : written
}

/** Whether a transaction of this type, in its one spelling, moves money. */
export function isMovingType(type: string): type is MovingType {
  return (MOVING_TYPES as readonly string[]).includes(type)
}
