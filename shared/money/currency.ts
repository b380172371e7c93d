/**
 * Digits after the point of each ISO 4217 currency whose count is not 2 (ISO 4217, list one).
 * Every other code has two.
 */
const MINOR_UNIT_DIGITS: ReadonlyMap<string, number> = new Map([
  ...[
    'BIF',
    'CLP',
    'DJF',
    'GNF',
    'ISK',
    'JPY',
    'KMF',
    'KRW',
    'PYG',
    'RWF',
    'UGX',
    'UYI',
    'VND',
    'VUV',
    'XAF',
    'XOF',
    'XPF',
  ].map((code) => [code, 0] as const),
  ...['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'].map((code) => [code, 3] as const),
  ...['CLF', 'UYW'].map((code) => [code, 4] as const),
])

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'))

/** Whether the text is an ISO 4217 code in capital letters. */
export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code)
}

/** Digits of the currency's minor unit: USD 2, JPY 0, KWD 3. */
export function minorUnitDigits(currency: string): number {
  return MINOR_UNIT_DIGITS.get(currency) ?? 2
}
