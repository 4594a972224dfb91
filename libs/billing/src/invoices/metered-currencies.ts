import { billingStream, foldInvoices, invoiceFor, type Selection } from '#domain/invoices/invoice';
import { billingAsOf } from '#domain/invoices/rate-invoice';
import type { Instant } from '#domain/time/instant';
import type { LedgerCore } from '#ledger/ledger-core';
import { assertMetered } from '../metering/not-metered.js';
import { tenantAccount } from './accounts.js';
import { isInvoiceEvent } from './invoice-events.js';
import { billingsOf } from './rated-invoice.js';

/**
 * What is due in each of these currencies must be metered, unless its invoice was created before. All are checked
 * before the first draft, so that a refusal leaves nothing behind. Errors: `not_metered`.
 */
export async function assertMeteredIn(
  core: LedgerCore,
  currencies: readonly string[],
  wanted: { readonly tenantId: string; readonly asOf: Instant; readonly selection: Selection | null },
): Promise<void> {
  const { tenantId, asOf, selection } = wanted;
  for (const currency of currencies) {
    const events = await core.book.load(billingStream(tenantId, currency));
    const { live, nextId } = invoiceFor(foldInvoices(events.filter(isInvoiceEvent)), { ...wanted, currency });
    if (live !== undefined) continue;
    const position = await core.projector.catchUp();
    const account = await tenantAccount(core, position, tenantId, currency);
    const [billing] = await billingsOf(core, position, [
      { invoiceId: nextId, account, until: asOf, selection, select: (each) => billingAsOf(each, asOf) },
    ]);
    if (billing !== undefined) await assertMetered(core, position, billing.facts, asOf);
  }
}
