import Type from 'typebox'
import type { Subscription } from '../../db/subscriptions/subscriptions.ts'
import { MODIFIER_NAMES } from '../../shared/plans/charge-modifiers.ts'
import type { FilterOverride as WrittenFilterOverride } from '../../shared/subscriptions/filter-overrides.ts'
import type { PriceOverridesRequest } from '../../shared/subscriptions/price-overrides.ts'
import { CHARGE_MODIFIERS } from './charge-modifiers.ts'
import { Input, jsonInteger, Nullable, Output, Uuid } from './common.ts'
import { AMOUNT_CENTS, CHARGES, DisplayName, Properties } from './plan.ts'

const FilterOverride = Input(
  'FilterOverride',
  {
    id: Type.String({ format: 'uuid', description: "The filter's id in the charge." }),
    properties: Type.Optional(Properties),
    invoice_display_name: Type.Optional(DisplayName),
  },
  {
    description:
      "Prices of usage that matches a filter, for this subscription. Empty properties are those of the charge; what is left out is the plan's.",
  },
)

const FILTERS = { maxItems: 1_000 }

const ChargeOverride = Input(
  'ChargeOverride',
  {
    id: Type.String({ format: 'uuid', description: "The charge's id in the plan." }),
    properties: Type.Optional(Properties),
    invoice_display_name: Type.Optional(DisplayName),
    filters: Type.Optional(Type.Array(FilterOverride, FILTERS)),
    ...CHARGE_MODIFIERS,
  },
  {
    description:
      "Prices of one charge for this subscription, in the plan's charge model. What is left out is the plan's; null takes a modifier away.",
  },
)

export const PriceOverrides = Input(
  'PriceOverrides',
  {
    amount_cents: Type.Optional(Nullable(Type.Integer(AMOUNT_CENTS))),
    charges: Type.Optional(Type.Array(ChargeOverride, CHARGES)),
  },
  { description: "Prices of this subscription in place of its plan's." },
)

const FilterOverrideAnswer = Output('FilterOverrideAnswer', {
  id: Uuid,
  properties: Nullable(Properties),
  invoice_display_name: DisplayName,
})

const ChargeOverrideAnswer = Output('ChargeOverrideAnswer', {
  id: Uuid,
  properties: Nullable(Properties),
  invoice_display_name: DisplayName,
  filters: Type.Optional(Type.Array(FilterOverrideAnswer)),
  ...CHARGE_MODIFIERS,
})

export const PriceOverridesAnswer = Output('PriceOverridesAnswer', {
  amount_cents: Nullable(Type.Integer()),
  charges: Type.Array(ChargeOverrideAnswer),
})

export function priceOverridesOf(body: Type.Static<typeof PriceOverrides>): PriceOverridesRequest {
  return {
    amountMinor: body.amount_cents == null ? null : BigInt(body.amount_cents),
    charges: (body.charges ?? []).map((charge) => ({
      id: charge.id,
      properties: charge.properties,
      modifiers: Object.fromEntries(
        MODIFIER_NAMES.flatMap((name) => (charge[name] === undefined ? [] : [[name, charge[name]]])),
      ),
      displayName: charge.invoice_display_name ?? null,
      filters: (charge.filters ?? []).map(({ id, properties, invoice_display_name }) => ({
        id,
        properties,
        displayName: invoice_display_name ?? null,
      })),
    })),
  }
}

/** Null where every price is the plan's. */
export function priceOverridesView({ priceOverrides }: Pick<Subscription, 'priceOverrides'>) {
  if (priceOverrides.length === 0) return null
  const fee = priceOverrides.find(({ amountMinor }) => amountMinor !== null)
  return {
    amount_cents: fee?.amountMinor == null ? null : jsonInteger(fee.amountMinor),
    charges: priceOverrides
      .filter((override) => override !== fee)
      .map(({ priceComponentId, properties, displayName, modifiers, filters }) => ({
        id: priceComponentId,
        properties,
        invoice_display_name: displayName,
        ...(filters === null ? {} : { filters: filters.map(filterView) }),
        ...modifiers,
      })),
  }
}

function filterView({ id, properties, displayName }: WrittenFilterOverride) {
  return { id, properties, invoice_display_name: displayName }
}
