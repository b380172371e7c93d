/** Reads a whole number of the command line. Throws with the usage when it is none, or beyond the most. */
export function wholeNumber(option: string, text: string, { most, usage }: { most: number; usage: string }): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value
  throw new Error(`--${option} is "${text}"; it takes a whole number from 1 to ${most}: ${usage}`)
}
