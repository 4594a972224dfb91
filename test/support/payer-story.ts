import { randomUUID } from 'node:crypto';
import { consolidatedStream } from '#domain/invoices/consolidated';
import { billingStream } from '#domain/invoices/invoice';
import { instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { deployment, plan, subscription, tenant } from './commands.js';
import { ADMIN, type TestLedger, testLedger } from './ledger.js';
import { BUYER } from './parties.js';

/** A payer, holding, and three tenants that it pays for: lab, shop and kiosk. */

export const T = (date: string) => `${date}T00:00:00Z`;

export const tokenOf = (tenantId: string): Caller => ({
  ...{ actor: tenantId, role: 'tenant', tenantId },
  now: instant('2026-08-01T00:00:00Z'),
});

const vat = (ratePercent: string) => ({ tax: { name: 'VAT', ratePercent, from: T('2026-01-01') } });

/** `terms`: the payment terms of the payer, if it has any. */
export async function payerLedger(terms: object = { paymentTermsDays: 14 }): Promise<TestLedger> {
  const test = await testLedger({
    seller: 'Cloud & Sons',
    sellerDetails: { name: 'Cloud & Sons', countryCode: 'DE', vatId: 'DE987654321', city: 'Bonn', postalCode: '53111' },
  });
  await test.apply(
    tenant('holding', {
      ...{ name: 'Globex Holding', address: 'Main Street 1', eInvoice: BUYER, timeZone: 'Europe/Berlin' },
      ...terms,
    }),
    tenant('lab', { name: 'Globex Lab', ...vat('20') }),
    tenant('shop', { name: 'Globex Shop', ...vat('10') }),
    tenant('kiosk', { name: 'Globex Kiosk', ...vat('20') }),
    plan('p', '30.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '1' } }]),
    ...['lab', 'shop', 'kiosk'].flatMap((tenantId) => [
      deployment(`${tenantId}-d`, tenantId),
      subscription(`${tenantId}-s`, `${tenantId}-d`, 'p'),
      { command: 'set-payer', tenantId, payerId: 'holding', effectiveFrom: T('2026-03-01') },
    ]),
  );
  return test;
}

/** Issues the invoice of a tenant as of an instant, at that instant. */
export async function issued(test: TestLedger, tenantId: string, asOf = '2026-05-01'): Promise<string> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(asOf) });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  const invoiceId = invoices[0]?.invoiceId ?? '';
  await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
  return invoiceId;
}

/** INV-000001 of lab, INV-000002 of shop and INV-000003 of kiosk: 72.00, 66.00 and 72.00. */
export async function issuedOfAll(test: TestLedger): Promise<void> {
  for (const tenantId of ['lab', 'shop', 'kiosk']) await issued(test, tenantId);
}

export const consolidating = (at = '2026-05-02', more: object = {}) => ({
  ...{ command: 'issue-consolidated-invoice', payerId: 'holding', currency: 'USD', at: T(at), ...more },
});

export const voiding = (consolidatedInvoiceId = 'CI-000001', at = '2026-05-10') => ({
  ...{ command: 'void-consolidated-invoice', consolidatedInvoiceId, at: T(at), reason: 'one is missing' },
});

/** What is recorded past the rules has no command. */
const CALL = { name: 'test', key: null, bodyHash: '', occurredAt: null, idempotencyKey: null, isKeyed: false };

/** The void of INV-000001 of lab, past the rules. */
export async function recordVoid(test: TestLedger): Promise<void> {
  const { invoiceId } = await test.ask<{ invoiceId: string }>('invoice', { id: 'INV-000001' });
  const stream = billingStream('lab', 'USD');
  const { revision } = await test.core.book.loadAt(stream);
  const data = { invoiceId, tenantId: 'lab', currency: 'USD', at: instant(T('2026-05-02')) };
  await test.core.book.appendAt(stream, revision, { ...CALL, caller: ADMIN }, [{ type: 'InvoiceVoided', data }]);
}

/** A consolidated invoice of INV-000001 of lab, 60.00 and 20 %, past the rules. */
export async function recordConsolidated(test: TestLedger, more: object = {}): Promise<void> {
  const { invoiceId } = await test.ask<{ invoiceId: string }>('invoice', { id: 'INV-000001' });
  const { details_ref: detailsRef, details_hash: detailsHash } = await test.core.db
    .selectFrom('tenants')
    .selectAll()
    .where('tenant_id', '=', 'holding')
    .executeTakeFirstOrThrow();
  const stream = consolidatedStream('holding', 'USD');
  const { revision } = await test.core.book.loadAt(stream);
  await test.core.book.appendAt(stream, revision, { ...CALL, caller: ADMIN }, [
    {
      type: 'ConsolidatedInvoiceIssued',
      data: {
        ...{ consolidatedInvoiceId: randomUUID(), payerId: 'holding', currency: 'USD' },
        ...{ issuedAt: instant(T('2026-05-02')), invoices: [{ invoiceId, tenantId: 'lab' }] },
        ...{ subtotal: '60', tax: '12', total: '72', detailsRef, detailsHash, ...more },
      },
    },
  ]);
}
