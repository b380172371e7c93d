// A call into the engine costs as much as this many bytes one by one.
const FEW_BYTES = 128

/** Copies the bytes from one place to before another; answers with the place behind them in the target. */
export function copyBytes(source: Buffer, start: number, end: number, target: Buffer, at: number): number {
  const bytes = end - start
  if (bytes > FEW_BYTES) source.copy(target, at, start, end)
  else for (let index = 0; index < bytes; index += 1) target[at + index] = source[start + index] as number
  return at + bytes
}
