import { type RawBuilder, sql } from 'kysely'
import type { LateUsagePolicy } from '../../shared/invoicing/late-usage-policy.ts'

/** The policy of a subscription: that of its plan, or else of its organization. For queries that name the subscription so. */
export function lateUsageOf(subscription: string): RawBuilder<LateUsagePolicy> {
  return sql`(select coalesce(plan.late_usage, organization.late_usage)
    from plan_versions version
    join plans plan on plan.id = version.plan_id
    join organizations organization on organization.organization_id = ${sql.ref(`${subscription}.organization_id`)}
    where version.id = ${sql.ref(`${subscription}.plan_version_id`)})`
}
