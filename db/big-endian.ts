/*
 * Integers as Postgres sends and takes them, the highest byte first. The methods of a buffer do the same and check each time
 * whether they may, which costs several times as much; whoever calls these knows where in the bytes he is.
 */

/** The integer of 32 bits with a sign at the place. */
export function int32At(bytes: Buffer, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

/** The same without a sign. */
export function uint32At(bytes: Buffer, at: number): number {
  return int32At(bytes, at) >>> 0
}

export function uint16At(bytes: Buffer, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

/** Writes the lowest 32 bits of an integer, with a sign or without; answers with the place behind them. */
export function putInt32(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}

/** The same of 16 bits. */
export function putInt16(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
  return at + 2
}
