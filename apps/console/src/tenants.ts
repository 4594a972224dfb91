import type { Tenant } from '../../../clients/typescript/ledgerline.ts';
import { useAnswer } from './answers.ts';

/** As many as one page of the API has. Tenants beyond it are shown by their ids, in UTC. */
const MOST_TENANTS = 10_000;

export interface KnownTenants {
  /** Empty: they are not known yet. */
  readonly all: readonly Tenant[];
  readonly nameOf: (tenantId: string) => string;
  /** The time zone of a tenant. UTC: it is not known yet. */
  readonly zoneOf: (tenantId: string) => string;
}

/** The tenants that the signed-in role may see, or one of them. All are asked for once for all lists. */
export function useTenants(tenantId?: string): KnownTenants {
  const { data } = useAnswer('tenants', tenantId === undefined ? { limit: MOST_TENANTS } : { tenantId });
  const byId = new Map((data?.items ?? []).map((each): [string, Tenant] => [each.tenantId, each]));
  return {
    all: data?.items ?? [],
    nameOf: (id) => byId.get(id)?.name ?? id,
    zoneOf: (id) => byId.get(id)?.timeZone ?? 'UTC',
  };
}

/** What a field for a tenant offers: names, with the ids that tell tenants of one name apart. */
export const choicesOf = (tenants: readonly Tenant[]): { readonly value: string; readonly label: string }[] =>
  tenants.map(({ tenantId, name }) => ({ value: tenantId, label: name === null ? tenantId : `${name} (${tenantId})` }));
