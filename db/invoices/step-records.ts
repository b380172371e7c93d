import type { PricingStep } from '../../shared/pricing/pricing.ts'

/** A step of a price as it is stored on a line and answered; decimals are text. */
export type StepRecord = ReturnType<typeof stepRecord>

/** The steps of a line as they are stored in `invoice_lines.steps`. */
export function stepRecords(steps: readonly PricingStep[]): StepRecord[] {
  return steps.map(stepRecord)
}

function stepRecord({ fromValue, toValue, units, perUnitAmount, flatAmount, packages, amount }: PricingStep) {
  return {
    from_value: fromValue.toFixed(),
    to_value: toValue === null ? null : toValue.toFixed(),
    units: units.toFixed(),
    per_unit_amount: perUnitAmount.toFixed(),
    flat_amount: flatAmount.toFixed(),
    ...(packages === undefined
      ? {}
      : {
          packages: {
            count: packages.count.toFixed(),
            size: packages.size.toFixed(),
            amount_each: packages.amountEach.toFixed(),
          },
        }),
    amount: amount.toFixed(),
  }
}
