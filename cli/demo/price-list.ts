/** What the demo counts: one event per request feeds all three. */
export const METRICS = [
  {
    code: 'context_tokens',
    name: 'Context tokens',
    aggregation: 'sum',
    field_name: 'context_tokens',
    event_code: 'llm_request',
  },
  {
    code: 'generated_tokens',
    name: 'Generated tokens',
    aggregation: 'sum',
    field_name: 'generated_tokens',
    event_code: 'llm_request',
  },
  { code: 'requests', name: 'Requests', aggregation: 'count', event_code: 'llm_request' },
] as const

export type MetricCode = (typeof METRICS)[number]['code']

/** A tier; it holds the units above the `to_value` of the one before, up to and with its own. */
export interface DemoRange {
  readonly from_value: string
  readonly to_value: string | null
  readonly per_unit_amount: string
  readonly flat_amount: string
}

/** Properties are in the words of the API. */
export type DemoPrice =
  | { readonly charge_model: 'standard'; readonly properties: { readonly amount: string } }
  | { readonly charge_model: 'graduated'; readonly properties: { readonly graduated_ranges: readonly DemoRange[] } }
  | { readonly charge_model: 'volume'; readonly properties: { readonly volume_ranges: readonly DemoRange[] } }
  | {
      readonly charge_model: 'package'
      readonly properties: { readonly amount: string; readonly package_size: string; readonly free_units: string }
    }

export type DemoCharge = DemoPrice & { readonly metric: MetricCode }

export interface DemoPlan {
  readonly code: string
  readonly name: string
  readonly currency: DemoCurrency
  /** The monthly fee in minor units. */
  readonly amount_cents: number
  readonly charges: readonly DemoCharge[]
}

/** Digits of the minor unit. */
export const CURRENCY_DIGITS = { USD: 2, EUR: 2, JPY: 0 } as const

export type DemoCurrency = keyof typeof CURRENCY_DIGITS

/** Four plans that use all four charge models, three currencies, and fees as well as none. */
export const PLANS: readonly [DemoPlan, ...DemoPlan[]] = [
  {
    code: 'pay-as-you-go',
    name: 'Pay as you go',
    currency: 'USD',
    amount_cents: 0,
    charges: [
      { metric: 'context_tokens', charge_model: 'standard', properties: { amount: '0.00000275' } },
      { metric: 'generated_tokens', charge_model: 'standard', properties: { amount: '0.0000085' } },
    ],
  },
  {
    code: 'team',
    name: 'Team',
    currency: 'USD',
    amount_cents: 900,
    charges: [
      {
        metric: 'context_tokens',
        charge_model: 'graduated',
        properties: {
          graduated_ranges: [
            { from_value: '0', to_value: '50000', per_unit_amount: '0', flat_amount: '0' },
            { from_value: '50000', to_value: '500000', per_unit_amount: '0.0000025', flat_amount: '0.5' },
            { from_value: '500000', to_value: null, per_unit_amount: '0.0000019', flat_amount: '0.25' },
          ],
        },
      },
      {
        metric: 'generated_tokens',
        charge_model: 'package',
        properties: { amount: '0.35', package_size: '10000', free_units: '5000' },
      },
    ],
  },
  {
    code: 'scale',
    name: 'Scale',
    currency: 'EUR',
    amount_cents: 1900,
    charges: [
      {
        metric: 'context_tokens',
        charge_model: 'volume',
        properties: {
          volume_ranges: [
            { from_value: '0', to_value: '100000', per_unit_amount: '0.000003', flat_amount: '1.5' },
            { from_value: '100001', to_value: '1000000', per_unit_amount: '0.00000233', flat_amount: '1' },
            { from_value: '1000001', to_value: null, per_unit_amount: '0.00000177', flat_amount: '0' },
          ],
        },
      },
      {
        metric: 'generated_tokens',
        charge_model: 'graduated',
        properties: {
          graduated_ranges: [
            { from_value: '0', to_value: '20000', per_unit_amount: '0.0000091', flat_amount: '0.1' },
            { from_value: '20001', to_value: null, per_unit_amount: '0.0000073', flat_amount: '0' },
          ],
        },
      },
      { metric: 'requests', charge_model: 'standard', properties: { amount: '0.0005' } },
    ],
  },
  {
    code: 'tokyo',
    name: 'Tokyo',
    currency: 'JPY',
    amount_cents: 500,
    charges: [
      {
        metric: 'context_tokens',
        charge_model: 'package',
        properties: { amount: '9.5', package_size: '25000', free_units: '0' },
      },
      {
        metric: 'generated_tokens',
        charge_model: 'volume',
        properties: {
          volume_ranges: [
            { from_value: '0', to_value: '10000', per_unit_amount: '0.00137', flat_amount: '0' },
            { from_value: '10000', to_value: null, per_unit_amount: '0.00111', flat_amount: '2.5' },
          ],
        },
      },
    ],
  },
]
