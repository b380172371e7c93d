import type { Adjustment } from '../../shared/pricing/price-usage.ts'
import type { Packages, PricingStep, Transactions } from '../../shared/pricing/pricing.ts'

/** A step of a price as it is stored on a line and answered; decimals are text. */
export type StepRecord = ReturnType<typeof stepRecord>

/** What a modifier changed, as it is stored on a line and answered; decimals are text. */
export type AdjustmentRecord = ReturnType<typeof adjustmentRecord>

/** The steps of a line as they are stored in `invoice_lines.steps`. */
export function stepRecords(steps: readonly PricingStep[]): StepRecord[] {
  return steps.map(stepRecord)
}

/** The adjustments of a line as they are stored in `invoice_lines.adjustments`. */
export function adjustmentRecords(adjustments: readonly Adjustment[]): AdjustmentRecord[] {
  return adjustments.map(adjustmentRecord)
}

function stepRecord(step: PricingStep) {
  const { toValue, packages, transactions, cell } = step
  return {
    from_value: step.fromValue.toFixed(),
    to_value: toValue === null ? null : toValue.toFixed(),
    units: step.units.toFixed(),
    per_unit_amount: step.perUnitAmount.toFixed(),
    flat_amount: step.flatAmount.toFixed(),
    ...(packages === undefined ? {} : { packages: { ...countRecord(packages), size: packages.size.toFixed() } }),
    ...(transactions === undefined ? {} : { transactions: countRecord(transactions) }),
    ...(cell === undefined ? {} : { values: [...cell] }),
    amount: step.amount.toFixed(),
  }
}

function countRecord({ count, amountEach }: Packages | Transactions) {
  return { count: count.toFixed(), amount_each: amountEach.toFixed() }
}

function adjustmentRecord({ kind, amount }: Adjustment) {
  return { kind, amount: amount.toFixed() }
}
