import { bigint, int, jsonb, numeric, text, timestamptz, uuid } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/**
 * The cost of a UTC month in a currency, without tax, as it was computed. It is proven for the positions from
 * `position_from` up to, but not including, `proven_to`. It can always be dropped, and computed again.
 */
export const keptMonths = defineTable({
  name: 'kept_months',
  columns: {
    kept_id: uuid,
    month: text,
    currency: text,
    /** The generation of the read models that it was computed from, and the version of the computation. */
    made_by: text,
    cogs: numeric,
    /** The cost of nobody. */
    unattributed: numeric,
    /** The same by provider, kind, and whether a tenant held it: what policies ask for. */
    kinds: jsonb<readonly KeptKind[]>(),
    proven_to: bigint,
  },
  key: ['month', 'currency'],
  indexes: [['kept_id']],
});

export type KeptMonthRow = RowOf<typeof keptMonths>;

/** The cost of a provider's kind, of tenants or of nobody. */
export interface KeptKind {
  readonly provider: string;
  readonly kind: string;
  readonly isOfNobody: boolean;
  readonly amount: string;
}

/** The cost of a kept month by provider, kind and holder, numbered in the order of kinds. */
export const keptCosts = defineTable({
  name: 'kept_costs',
  columns: {
    kept_id: uuid,
    n: int,
    provider: text,
    kind: text,
    tenant_id: text.nullable(),
    deployment_id: text.nullable(),
    amount: numeric,
  },
  key: ['kept_id', 'n'],
});

export type KeptCostRow = RowOf<typeof keptCosts>;

/** The same by tenant: a tenant may have many deployments and kinds, and many months are asked for by tenant. */
export const keptTenants = defineTable({
  name: 'kept_tenants',
  columns: {
    kept_id: uuid,
    n: int,
    tenant_id: text.nullable(),
    amount: numeric,
  },
  key: ['kept_id', 'n'],
});

/** The days that lines of usage of a kept month charge, by provider, kind and bill, numbered in this order. */
export const keptBilledDays = defineTable({
  name: 'kept_billed_days',
  columns: {
    kept_id: uuid,
    n: int,
    provider: text,
    kind: text,
    invoice_ref: text,
    start_at: timestamptz,
    end_at: timestamptz,
  },
  key: ['kept_id', 'n'],
});

/** The resources that lines of kept months name, and the months between the first and the last of them. */
export const chargedResources = defineTable({
  name: 'charged_resources',
  columns: {
    provider: text,
    provider_id: text,
    first_month: text,
    last_month: text,
  },
  key: ['provider', 'provider_id'],
});

/** The deployments that these resources were ever said to be in, and the same months. */
export const chargedDeployments = defineTable({
  name: 'charged_deployments',
  columns: {
    deployment_id: text,
    first_month: text,
    last_month: text,
  },
  key: ['deployment_id'],
});

declare module '#read-model/read-models' {
  interface ReadModels {
    kept_months: History<KeptMonthRow>;
    kept_costs: History<KeptCostRow>;
    kept_tenants: History<RowOf<typeof keptTenants>>;
    kept_billed_days: History<RowOf<typeof keptBilledDays>>;
    charged_resources: History<RowOf<typeof chargedResources>>;
    charged_deployments: History<RowOf<typeof chargedDeployments>>;
  }
}
