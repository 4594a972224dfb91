import { describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import type { InvoiceView } from '#billing/invoices/invoice-view';
import { invoiceDocument, type InvoiceDocument } from './invoice-document.js';

const april = { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-05-01T00:00:00Z') };

const ROW = {
  chargePeriod: april,
  rowId: 'r1',
  kind: 'charge' as const,
  ref: 'usage',
  quantity: '300',
  unitAmount: '0.10',
  gross: '30.00',
  discount: '3.00',
  credit: '0.00',
  net: '27.00',
  taxRatePercent: '10',
  tax: '2.70',
};
const LINE: InvoiceView['lines'][number] = {
  lineId: 'l1',
  parentLineId: null,
  parentPeriod: null,
  subscriptionId: 's1',
  deploymentId: 'd1',
  billingKind: 'hours',
  filter: null,
  period: april,
  quantity: '300',
  included: null,
  unitConversion: null,
  rows: [ROW],
  net: '27.00',
  tax: '2.70',
  correction: false,
};
/** 300 × 0.10 = 30.00, minus 10 % = 27.00, plus 10 % tax. */
const INVOICE: InvoiceView = {
  invoiceId: 'i1',
  number: 'INV-000007',
  status: 'issued',
  payerId: null,
  tenantId: 't1',
  currency: 'USD',
  asOf: april.end,
  selection: null,
  issuedAt: april.end,
  dueAt: null,
  paidAt: null,
  voidedAt: null,
  computedAt: 9,
  lines: [LINE],
  subtotal: '27.00',
  tax: '2.70',
  total: '29.70',
  taxes: [{ name: 'GST', ratePercent: '10', net: '27.00', tax: '2.70' }],
  creditTaken: '0.00',
  amountPaid: '0.00',
  amountDue: '29.70',
  consolidatedInvoiceId: null,
  consolidatedInvoiceNumber: null,
  creditNotes: [],
  quarantined: [],
};

const rendered = (invoice: Partial<InvoiceView> = {}, more: Partial<InvoiceDocument> = {}): string =>
  invoiceDocument({
    invoice: { ...INVOICE, ...invoice },
    seller: 'We',
    tenant: { name: 'Tenant' },
    paidFor: null,
    timeZone: 'UTC',
    deploymentNames: new Map(),
    shownAsOf: null,
    grants: new Map(),
    isConsolidated: false,
    forStaff: false,
    withoutZeroLines: false,
    ...more,
  });

describe('invoiceDocument', () => {
  it('escapes every value', () => {
    const evil = `<b>&"'`;
    const html = rendered(
      {
        tenantId: evil,
        lines: [{ ...LINE, billingKind: evil, rows: [{ ...ROW, ref: evil }] }],
        taxes: [{ name: evil, ratePercent: '10', net: '27.00', tax: '2.70' }],
      },
      { seller: evil, tenant: { name: evil }, shownAsOf: evil, deploymentNames: new Map([['d1', evil]]) },
    );
    expect(html).not.toContain('<b>');
    // seller, running head, addressee, account, as-of, deployment twice, line, row, tax
    expect(html.split('&lt;b&gt;&amp;&quot;&#39;')).toHaveLength(11);
  });

  it('shows no seller if none is configured', () => {
    expect(rendered()).toContain('<h2>From</h2><p class="seller">We</p>');
    expect(rendered({}, { seller: null })).not.toContain('From');
  });

  it('shows days in the time zone of the tenant', () => {
    expect(rendered()).toContain('hours, 2026-04-01 to 2026-04-30');
    // Berlin is two hours ahead: April in UTC does not consist of whole days there.
    expect(rendered({}, { timeZone: 'Europe/Berlin' })).toContain('hours, 2026-04-01 02:00 to 2026-05-01 02:00');
  });

  it('deducts earlier credit from the amount due, and shows a negative total as the tenant’s credit', () => {
    const due = rendered({ creditTaken: '9.70', amountDue: '20.00' });
    expect(due).toContain('Deducted from your credit of earlier invoices</th><td class="figure">-9.70</td>');
    expect(due).toContain('Amount due, USD</th><td class="figure">20.00</td>');
    const negative = { ...ROW, quantity: '-300', gross: '-30.00', discount: '-3.00', net: '-27.00', tax: '-2.70' };
    const credit = rendered({
      lines: [{ ...LINE, rows: [negative], net: '-27.00', tax: '-2.70' }],
      subtotal: '-27.00',
      tax: '-2.70',
      total: '-29.70',
      taxes: [{ name: 'GST', ratePercent: '10', net: '-27.00', tax: '-2.70' }],
      amountDue: '0.00',
    });
    expect(credit).toContain('Your credit, deducted from later invoices</th><td class="figure">29.70</td>');
    expect(credit).toContain('Amount due, USD</th><td class="figure">0.00</td>');
  });

  it('shows the period of a charge where it is only a part of the line’s', () => {
    // A tax rate that changed on 16 April divides the line into two charges.
    const [first, second] = [
      { ...ROW, chargePeriod: { start: april.start, end: instant('2026-04-16T00:00:00Z') } },
      { ...ROW, rowId: 'r2', chargePeriod: { start: instant('2026-04-16T00:00:00Z'), end: april.end } },
    ];
    const html = rendered({
      lines: [{ ...LINE, rows: [first, second], net: '54.00', tax: '5.40' }],
      ...{ subtotal: '54.00', tax: '5.40', total: '59.40', amountDue: '59.40' },
      taxes: [{ name: 'GST', ratePercent: '10', net: '54.00', tax: '5.40' }],
    });
    expect(html).toContain('<td>Usage, 2026-04-01 to 2026-04-15</td>');
    expect(html).toContain('<td>Usage, 2026-04-16 to 2026-04-30</td>');
    expect(rendered()).toContain('<td>Usage</td>');
  });

  it('shows only staff what a draft does not bill', () => {
    const draft = {
      status: 'draft' as const,
      number: null,
      issuedAt: null,
      quarantined: [{ lineId: 'l2', code: 'missing_rate', message: 'no rate for x' }],
    };
    const empty = { ...LINE, lineId: 'l2', billingKind: 'rated', rows: [], net: '0.00', tax: '0.00' };
    const tenants = rendered({ ...draft, lines: [LINE, empty] });
    expect(tenants).not.toContain('missing_rate');
    expect(tenants).not.toContain('rated,');
    expect(rendered({ ...draft, lines: [LINE, empty] }, { forStaff: true })).toContain(
      'Not billed (missing_rate): no rate for x',
    );
  });

  it('is refused if figures contradict each other', () => {
    expect(() => rendered({ subtotal: '28.00', total: '30.70' })).toThrow(
      'Invoice INV-000007 is not rendered: the sum of the lines is 27, but the document shows 28.00.' +
        ' Compare its rows with its events (explain) before you send anything',
    );
    expect(() => rendered({ total: '29.71' })).toThrow(
      'the sum of subtotal and tax is 29.7, but the document shows 29.71',
    );
    expect(() => rendered({ lines: [{ ...LINE, rows: [{ ...ROW, discount: '4.00' }] }] })).toThrow(
      'the sum of gross, discount and credit of row r1 is 26, but the document shows 27.00',
    );
    expect(() => rendered({ amountDue: '29.00' })).toThrow(
      'the sum of total, credit taken and credit notes is 29.7, but the document shows 29.00',
    );
  });
});
