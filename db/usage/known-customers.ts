/** A customer as usage names it; not registered until the API has created it. */
export interface CustomerReference {
  readonly customerId: number
  readonly registered: boolean
}

// About 15 MB; a worker that sees more customers begins anew.
const MAX_KNOWN = 100_000

/**
 * Remembers registered customers over transactions, by organization and external id. That is right because a customer
 * keeps its number and its external id, and is never unregistered or deleted.
 */
export class KnownCustomers {
  #organizations = new Map<number, Map<string, CustomerReference>>()
  #size = 0

  /** Those of an organization. */
  of(organizationId: number): ReadonlyMap<string, CustomerReference> {
    return this.#organizations.get(organizationId) ?? NONE
  }

  /** Remembers those that are registered. */
  add(organizationId: number, references: ReadonlyMap<string, CustomerReference>): void {
    if (this.#size > MAX_KNOWN) {
      this.#organizations = new Map()
      this.#size = 0
    }
    const known = this.#organizations.getOrInsertComputed(organizationId, () => new Map())
    for (const [externalId, reference] of references) {
      if (!reference.registered || known.has(externalId)) continue
      known.set(externalId, reference)
      this.#size += 1
    }
  }
}

const NONE: ReadonlyMap<string, CustomerReference> = new Map()
