import pMap from 'p-map';
import { conflict } from '#domain/errors';
import { documentNumber } from '#domain/invoices/invoice';
import { dateOf, type Preceding } from '#exchange/einvoice/from-documents';
import type { QueryContext } from '#ledger/query';
import { readReferred, type Referred } from '#projections/consolidated-invoices/consolidated-invoices.read';
import { ordinalIn } from '#projections/invoices/issued-invoices.read';
import { readTenants } from '#projections/tenants/tenants.read';

const AT_ONCE = { concurrency: 8 };

/**
 * The consolidated invoices that invoices are part of, with the dates that their own electronic invoices have. By the
 * number of the invoice: an invoice that is part of none is not in it, and neither is one whose consolidated invoice
 * went to another than the addressee, which knows the invoice by its own number. Errors:
 * `part_of_consolidated_invoice`, if the caller may not see one of them. An electronic document is the same for all who
 * may read it.
 */
export async function consolidatedAs(
  context: QueryContext,
  numbers: readonly string[],
  addressee: string,
): Promise<ReadonlyMap<string, Preceding>> {
  const ordinals = numbers.flatMap((number) => ordinalIn('INV', number) ?? []);
  if (ordinals.length === 0) return new Map();
  const { core, position, confinedTo } = context;
  const found = [...(await readReferred(core.db, position, ordinals))].filter(
    ([, { payer_id: payerId }]) => payerId === addressee,
  );
  const [first] = found;
  if (first !== undefined && confinedTo !== null && confinedTo !== addressee) {
    const [ordinal] = first;
    throw conflict(
      'part_of_consolidated_invoice',
      `The electronic form refers to a consolidated invoice, which was sent to the payer of invoice` +
        ` ${documentNumber('INV', ordinal)}. Only the payer takes it. Take the document or its JSON instead.`,
    );
  }
  const documents = new Map(found.map(([, each]) => [each.id, each]));
  const references = new Map(
    await pMap(documents.values(), async (each) => [each.id, await referenceTo(context, each)] as const, AT_ONCE),
  );
  return new Map(
    found.flatMap(([ordinal, { id }]) => {
      const reference = references.get(id);
      return reference === undefined ? [] : [[documentNumber('INV', ordinal), reference]];
    }),
  );
}

/** The date is that of the payer, in the time zone that it had when the document was issued. */
async function referenceTo({ core }: QueryContext, of: Referred): Promise<Preceding> {
  const [payer] = await readTenants(core.db, of.position, [of.payer_id]);
  return { number: documentNumber('CI', of.ordinal), issueDate: dateOf(of.issued_at, payer?.time_zone ?? 'UTC') };
}
