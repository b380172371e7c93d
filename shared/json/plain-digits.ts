const NUMBER = /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/

/**
 * A JSON number as Postgres writes it out again: the digits that were sent, without an exponent, and zero without a sign. The
 * exponent must be a small one, because it becomes as many digits.
 */
export function plainDigits(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? []
  const pointAt = whole.length + Number(exponent)
  const digits = `${'0'.repeat(Math.max(1 - pointAt, 0))}${whole}${fraction}`.padEnd(pointAt, '0')
  const wholeEnd = Math.max(pointAt, 1)
  const decimals = digits.slice(wholeEnd)
  const plain = `${digits.slice(0, wholeEnd).replace(/^0+(?=\d)/, '')}${decimals === '' ? '' : `.${decimals}`}`
  return /[1-9]/.test(plain) ? `${sign}${plain}` : plain
}
