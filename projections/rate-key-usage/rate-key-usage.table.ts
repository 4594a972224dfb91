import type { Instant } from '#domain/time/instant';
import { defineTable } from '#read-model/table';

/** A deployment has readings of a kind under a rate key that begin in one month (UTC) and end in the same or a later one. */
export interface RateKeyUsageRow {
  readonly resource_type: string;
  readonly resource_family: string;
  readonly location: string;
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly first_month: Instant;
  readonly last_month: Instant;
}

/** Whom a change of a rate concerns: of a million readings, a few rows. */
export const rateKeyUsage = defineTable<RateKeyUsageRow>({
  name: 'rate_key_usage',
  columns: {
    resource_type: 'text',
    resource_family: 'text',
    location: 'text',
    deployment_id: 'text',
    billing_kind: 'text',
    first_month: 'timestamptz',
    last_month: 'timestamptz',
  },
  key: ['resource_type', 'resource_family', 'location', 'deployment_id', 'billing_kind', 'first_month', 'last_month'],
  group: ['resource_type', 'resource_family', 'location', 'deployment_id', 'billing_kind', 'first_month', 'last_month'],
});
