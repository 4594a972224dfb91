import { readTenants } from '#projections/tenants/tenants.read';
import type { Check } from './finding.js';

/** At most this many tenants are named. */
const MOST_NAMED = 20;

/**
 * Names and addresses are only in Postgres, not in the log: they are gone if somebody erased them, or if the database
 * was not restored with the log.
 */
const detailsMissing: Check = async ({ core, position }) => {
  const tenants = await readTenants(core.db, position, null);
  const names = await core.details.names(tenants.map((tenant) => tenant.details_ref));
  const missing = tenants.filter((tenant) => !names.has(tenant.details_ref)).map((tenant) => tenant.tenant_id);
  if (missing.length === 0) return [];
  const named = missing.slice(0, MOST_NAMED).join(', ');
  return [
    {
      code: 'tenant_details_missing',
      message:
        `The names and addresses of ${missing.length} of ${tenants.length} tenants are not in the database: ${named}` +
        (missing.length > MOST_NAMED ? ' and others' : ''),
      ids: { tenantIds: missing.slice(0, MOST_NAMED), tenants: missing.length },
      remedy:
        'If nobody erased them, restore the schema ledgerline_private from a backup of Postgres,' +
        ' or state them again with correct-tenant.',
    },
  ];
};

export const DETAILS_NOTICES: readonly Check[] = [detailsMissing];
