import { notFound } from '#domain/errors';
import type { Payer } from '#domain/tenants/payer';
import { currenciesOf, type GracePeriod, type TaxRate } from '#domain/tenants/tenant';
import type { LedgerCore } from '#ledger/ledger-core';
import { readPayers, toPayer } from '#projections/payers/payers.read';
import { readGracePeriods, readTenants, readTenantTaxes } from '#projections/tenants/tenants.read';
import { isAt, positionsOf } from '#read-model/at';

export interface TenantAccount {
  readonly tenantId: string;
  /** The currency of this account. */
  readonly currency: string;
  /** All currencies that the tenant is billed in, its own first. Lines in any other are billed in none. */
  readonly currencies: readonly string[];
  readonly timeZone: string;
  readonly detailsRef: string;
  readonly detailsHash: string;
  /** null: not agreed. */
  readonly paymentTermsDays: number | null;
  readonly taxes: readonly TaxRate[];
  readonly gracePeriods: readonly GracePeriod[];
  /** Who pays for it. */
  readonly payers: readonly Payer[];
}

/** A tenant as known at a log position. */
export interface TenantAt {
  readonly tenantId: string;
  readonly position: number;
  /** By default the tenant's own. */
  readonly currency?: string | undefined;
}

/** Tenants, each as known at its position. For a tenant that was not registered then, it throws `unknown_tenant`. */
export type Accounts = (tenant: TenantAt) => TenantAccount;

export async function accountsOf({ db }: LedgerCore, tenants: readonly TenantAt[]): Promise<Accounts> {
  const asOf = positionsOf(tenants.map(({ position }) => position));
  const ids = [...new Set(tenants.map(({ tenantId }) => tenantId))];
  const byTenant = ({ tenant_id }: { readonly tenant_id: string }): string => tenant_id;
  const rows = Map.groupBy(await readTenants(db, asOf, ids), byTenant);
  const taxes = Map.groupBy(await readTenantTaxes(db, asOf, ids), byTenant);
  const gracePeriods = Map.groupBy(await readGracePeriods(db, asOf, ids), byTenant);
  const payers = Map.groupBy(await readPayers(db, asOf, ids), byTenant);
  return ({ tenantId, position, currency }) => {
    const row = rows.get(tenantId)?.find((each) => isAt(each, position));
    if (row === undefined) throw notFound('unknown_tenant', `tenant ${tenantId} is not registered`);
    return {
      tenantId,
      currency: currency ?? row.currency,
      currencies: currenciesOf(row),
      timeZone: row.time_zone,
      detailsRef: row.details_ref,
      detailsHash: row.details_hash,
      paymentTermsDays: row.payment_terms_days,
      taxes: (taxes.get(tenantId) ?? [])
        .filter((each) => isAt(each, position))
        .map(({ name, rate_percent: ratePercent, effective_from: from }) => ({ name, ratePercent, from })),
      gracePeriods: (gracePeriods.get(tenantId) ?? [])
        .filter((each) => isAt(each, position))
        .map(({ hours, effective_from: from }) => ({ hours, from })),
      payers: (payers.get(tenantId) ?? []).filter((each) => isAt(each, position)).map(toPayer),
    };
  };
}

/** A tenant's account in its own currency (or another), as known at a position. Errors: `unknown_tenant`. */
export const tenantAccount = async (
  core: LedgerCore,
  position: number,
  tenantId: string,
  currency?: string,
): Promise<TenantAccount> => (await accountsOf(core, [{ tenantId, position }]))({ tenantId, position, currency });

/** The currency that a line is billed in: its own, if its tenant is billed in it; else the tenant's. */
export const billedCurrency = (
  tenant: Pick<TenantAccount, 'currency' | 'currencies'>,
  line: { readonly currency: string },
): string => (currenciesOf(tenant).includes(line.currency) ? line.currency : tenant.currency);

/**
 * Whether an account bills a line. A line in a currency that its tenant is not billed in belongs to the account in the
 * tenant's own currency, which quarantines it.
 */
export const isBilledIn = (
  { currency, currencies }: Pick<TenantAccount, 'currency' | 'currencies'>,
  line: { readonly currency: string },
): boolean => line.currency === currency || (currency === currencies[0] && !currencies.includes(line.currency));
