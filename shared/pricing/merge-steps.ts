import type { PricingStep, Transactions } from './pricing.ts'
import { pricingStep } from './pricing.ts'

/** Steps of equal prices as one each, in the order of their first; their amounts add up to the same. */
export function mergeSteps(steps: readonly PricingStep[]): PricingStep[] {
  return [...Map.groupBy(steps, pricesOf).values()].map((alike) => alike.reduce(mergeTwo))
}

function pricesOf({ fromValue, toValue, perUnitAmount, packages, transactions }: PricingStep): string {
  return [fromValue, toValue, perUnitAmount, packages?.size, packages?.amountEach, transactions?.amountEach].join(' ')
}

function mergeTwo(one: PricingStep, other: PricingStep): PricingStep {
  const packages = one.packages && other.packages && addCounts(one.packages, other.packages)
  const transactions = one.transactions && other.transactions && addCounts(one.transactions, other.transactions)
  return pricingStep({
    fromValue: one.fromValue,
    toValue: one.toValue,
    units: one.units.plus(other.units),
    perUnitAmount: one.perUnitAmount,
    flatAmount: one.flatAmount.plus(other.flatAmount),
    ...(packages === undefined ? {} : { packages }),
    ...(transactions === undefined ? {} : { transactions }),
  })
}

function addCounts<T extends Transactions>(one: T, other: T): T {
  return { ...one, count: one.count.plus(other.count) }
}
