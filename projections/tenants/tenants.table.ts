import { defineTable } from '#read-model/table';
import type { Instant } from '#domain/time/instant';

export interface TenantRow {
  readonly tenant_id: string;
  readonly currency: string;
  readonly time_zone: string;
  /** The tenant's personal details live in an erasable table; this is their reference. */
  readonly details_ref: string;
  readonly details_hash: string;
}

export const tenants = defineTable<TenantRow>({
  name: 'tenants',
  columns: { tenant_id: 'text', currency: 'text', time_zone: 'text', details_ref: 'uuid', details_hash: 'text' },
  key: ['tenant_id'],
  group: ['tenant_id'],
});

export interface TenantTaxRow {
  readonly tenant_id: string;
  readonly effective_from: Instant;
  readonly name: string;
  readonly rate_percent: string;
}

export const tenantTaxes = defineTable<TenantTaxRow>({
  name: 'tenant_taxes',
  columns: { tenant_id: 'text', effective_from: 'timestamptz', name: 'text', rate_percent: 'numeric' },
  key: ['tenant_id', 'effective_from'],
  group: ['tenant_id', 'effective_from'],
});

export interface TenantGracePeriodRow {
  readonly tenant_id: string;
  readonly effective_from: Instant;
  readonly hours: number;
}

export const tenantGracePeriods = defineTable<TenantGracePeriodRow>({
  name: 'tenant_grace_periods',
  columns: { tenant_id: 'text', effective_from: 'timestamptz', hours: 'int' },
  key: ['tenant_id', 'effective_from'],
  group: ['tenant_id', 'effective_from'],
});
