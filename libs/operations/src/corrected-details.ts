import { canonicalJson } from '#domain/canonical-json';
import { invalid } from '#domain/errors';
import type { Buyer } from '#domain/invoices/parties';
import type { Tenant } from '#domain/tenants/tenant';
import type { LedgerCore } from '#ledger/ledger-core';
import type { Details } from '#ledger/tenant-details';

/** The details of a tenant that events refer to; undefined: they were erased. */
export const detailsOf = async (
  core: LedgerCore,
  { detailsRef }: Pick<Tenant, 'detailsRef'>,
): Promise<Details | undefined> => (await core.details.read([detailsRef])).get(detailsRef);

interface DetailsCorrection {
  readonly name?: string | undefined;
  readonly address?: string | null | undefined;
  readonly taxNumber?: string | null | undefined;
  readonly email?: string | null | undefined;
  readonly eInvoice?: Buyer | null | undefined;
}

const stated = <Value>(given: Value | null | undefined, known: Value | undefined): Value | undefined =>
  given === undefined ? known : (given ?? undefined);

/** The details with corrections: what is absent stays, and null takes a detail away. Errors: `details_erased`. */
export async function correctedDetails(
  core: LedgerCore,
  tenant: Tenant,
  { name, address, taxNumber, email, eInvoice }: DetailsCorrection,
): Promise<Partial<Pick<Tenant, 'detailsRef' | 'detailsHash'>>> {
  const known = await detailsOf(core, tenant);
  if (
    known === undefined &&
    [name, address, taxNumber, email, eInvoice].every((each) => each === undefined || each === null)
  )
    return {};
  const named = name ?? known?.name;
  if (named === undefined)
    throw invalid('details_erased', `the details of tenant ${tenant.tenantId} were erased: give its name`, [
      { field: 'name', message: 'must be given: it was erased' },
    ]);
  const details: Details = {
    name: named,
    address: stated(address, known?.address),
    taxNumber: stated(taxNumber, known?.taxNumber),
    email: stated(email, known?.email),
    eInvoice: stated(eInvoice, known?.eInvoice),
  };
  const isSame = known !== undefined && canonicalJson(details) === canonicalJson(known);
  return isSame ? {} : core.details.keep(tenant.tenantId, details);
}
