import type { Tenant } from '../../../clients/typescript/ledgerline.ts';
import { useAnswer } from './answers.ts';

/** As many as one page of the API has. Tenants beyond it are shown by their ids, in UTC. */
const MOST_TENANTS = 10_000;

/** Names seldom change. */
const KEPT_MS = 60_000;

export interface KnownTenants {
  readonly nameOf: (tenantId: string) => string;
  /** The time zone of a tenant. UTC: it is not known yet. */
  readonly zoneOf: (tenantId: string) => string;
}

/** The tenants that the signed-in role may see, or one of them. All are asked for once for all lists. */
export function useTenants(tenantId?: string): KnownTenants {
  const question = tenantId === undefined ? { limit: MOST_TENANTS } : { tenantId };
  const { data } = useAnswer('tenants', question, { keptMs: KEPT_MS });
  const byId = new Map((data?.items ?? []).map((each): [string, Tenant] => [each.tenantId, each]));
  return {
    nameOf: (id) => byId.get(id)?.name ?? id,
    zoneOf: (id) => byId.get(id)?.timeZone ?? 'UTC',
  };
}
