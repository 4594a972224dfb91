import { int, jsonb, numeric, text, timestamptz, uuid } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

export const tenants = defineTable({
  name: 'tenants',
  columns: {
    tenant_id: text,
    currency: text,
    /** Further currencies that it is billed in. */
    currencies: jsonb<readonly string[]>(),
    time_zone: text,
    /** A reference to the personal details of the tenant, which are in a table that can be erased. */
    details_ref: uuid,
    details_hash: text,
    payment_terms_days: int.nullable(),
  },
  key: ['tenant_id'],
});

export type TenantRow = RowOf<typeof tenants>;

export const tenantTaxes = defineTable({
  name: 'tenant_taxes',
  columns: {
    tenant_id: text,
    effective_from: timestamptz,
    name: text,
    rate_percent: numeric,
  },
  key: ['tenant_id', 'effective_from'],
  group: ['tenant_id'],
});

export type TenantTaxRow = RowOf<typeof tenantTaxes>;

export const tenantGracePeriods = defineTable({
  name: 'tenant_grace_periods',
  columns: {
    tenant_id: text,
    effective_from: timestamptz,
    hours: int,
  },
  key: ['tenant_id', 'effective_from'],
  group: ['tenant_id'],
});

export type TenantGracePeriodRow = RowOf<typeof tenantGracePeriods>;

declare module '#read-model/read-models' {
  interface ReadModels {
    tenants: History<TenantRow>;
    tenant_taxes: History<TenantTaxRow>;
    tenant_grace_periods: History<TenantGracePeriodRow>;
  }
}
