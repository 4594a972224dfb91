import { type Fact, id } from './projections.js';

/**
 * The events of a line and of its invoice, where a spec is about something else than their data. `more` takes its
 * place.
 */

export const APRIL = { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };

const INVOICE = { invoiceId: id(1), tenantId: 't', currency: 'USD' } as const;
const DRAFTING = id(11);
const ISSUING = id(12);

/** Line n bills the usage of `cpu` of deployment d in April. */
export const lineOpened = (n: number, more: object = {}): Fact => ({
  LineOpened: {
    lineId: id(n),
    tenantId: 't',
    subscriptionId: 's',
    deploymentId: 'd',
    billingKind: 'cpu',
    itemKey: 'cpu',
    currency: 'USD',
    period: APRIL,
    ...more,
  },
});

/** The invoice claims a line as a whole: its part has the line's id. */
export const partsClaimed = (line: number, more: object = {}): Fact => ({
  InvoicePartsClaimed: {
    invoiceId: INVOICE.invoiceId,
    attempt: DRAFTING,
    n: 0,
    parts: [{ lineId: id(line), partId: id(line), period: APRIL }],
    ...more,
  },
});

export const invoiceDrafted = (more: object = {}): Fact => ({
  InvoiceDrafted: { ...INVOICE, asOf: APRIL.end, attempt: DRAFTING, chunks: 1, partsHash: 'p', ...more },
});

type Frozen = Extract<Fact, { InvoiceRowsFrozen: unknown }>['InvoiceRowsFrozen'];

/** A row of a line: 1 × 10.00. */
export const frozenRow = (n: number, line: number, more: object = {}): Frozen['rows'][number] => ({
  rowId: id(n),
  lineId: id(line),
  partId: id(line),
  subscriptionId: 's',
  deploymentId: 'd',
  billingKind: 'cpu',
  chargePeriod: APRIL,
  ref: 'usage',
  quantity: '1',
  unitAmount: '10',
  gross: '10',
  discount: '0',
  credit: '0',
  net: '10',
  taxRatePercent: '21',
  tax: '2.1',
  planId: 'p',
  planEffectiveFrom: '2026-01-01T00:00:00Z',
  kind: 'charge',
  ...more,
});

export const rowsFrozen = (rows: Frozen['rows'], more: object = {}): Fact => ({
  InvoiceRowsFrozen: { invoiceId: INVOICE.invoiceId, attempt: ISSUING, n: 0, rows, ...more },
});

export const invoiceIssued = (more: object = {}): Fact => ({
  InvoiceIssued: {
    ...INVOICE,
    issuedAt: '2026-05-02T00:00:00Z',
    computedAt: 4,
    attempt: ISSUING,
    chunks: 1,
    rowsHash: 'r',
    subtotal: '10',
    tax: '2.1',
    total: '12.1',
    detailsRef: id(7),
    detailsHash: 'a1',
    ...more,
  },
});

export const invoiceVoided = (more: object = {}): Fact => ({
  InvoiceVoided: { ...INVOICE, at: '2026-05-03T00:00:00Z', reason: 'a wrong address', ...more },
});

export const creditNoteIssued = (more: object = {}): Fact => ({
  CreditNoteIssued: {
    ...INVOICE,
    creditNoteId: id(2),
    issuedAt: '2026-05-04T00:00:00Z',
    attempt: id(13),
    chunks: 1,
    rowsHash: 'r',
    subtotal: '4',
    tax: '0.84',
    total: '4.84',
    reason: 'an outage',
    ...more,
  },
});
