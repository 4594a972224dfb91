import { describe, expect, it } from '@jest/globals';
import {
  APRIL,
  creditNoteIssued,
  frozenRow,
  invoiceDrafted,
  invoiceIssued,
  invoiceVoided,
  partsClaimed,
  rowsFrozen,
} from '../../test/support/facts.js';
import { type Fact, id, projected } from '../../test/support/projections.js';
import { invoicesProjection } from './invoices.projection.js';
import { creditNotes, invoiceParts, invoiceRows, invoices, tenantCredits } from './invoices.table.js';

const { given, when, rows } = projected(invoicesProjection);

const DRAFT = {
  invoice_id: id(1),
  tenant_id: 't',
  currency: 'USD',
  as_of: APRIL.end,
  status: 'draft',
  parts_attempt: id(11),
};
const ISSUED = {
  ...DRAFT,
  status: 'issued',
  rows_attempt: id(12),
  ordinal: 1,
  issued_at: '2026-05-02T00:00:00Z',
  computed_at: 4,
  subtotal: '10',
  tax: '2.1',
  total: '12.1',
  credit_taken: '0',
  amount_due: '12.1',
  quarantined: [],
};
const issued = (n: number, total: string): readonly Fact[] => [
  invoiceDrafted({ invoiceId: id(n) }),
  invoiceIssued({ invoiceId: id(n), total }),
];

describe('an invoice', () => {
  it('is a draft that claims parts of lines, then issued with its amounts', async () => {
    await given(partsClaimed(100), invoiceDrafted({ selection: { billingKinds: ['cpu'] } }));
    const quarantined = [{ lineId: id(101), code: 'missing_rate', message: 'no price' }];
    await when(invoiceIssued({ quarantined }));

    const selection = { billingKinds: ['cpu'] };
    expect(await rows(invoices)).toEqual([{ ...ISSUED, selection, quarantined }]);
    expect(await rows(invoices, 2)).toEqual([{ ...DRAFT, selection }]);
    expect(await rows(invoiceParts)).toEqual([
      {
        invoice_id: id(1),
        attempt: id(11),
        part_id: id(100),
        line_id: id(100),
        period_start: APRIL.start,
        period_end: APRIL.end,
      },
    ]);
  });

  it('has its rows in the order of the chunks', async () => {
    const [first, second, third] = [frozenRow(201, 100), frozenRow(202, 100), frozenRow(203, 101)];
    await given(rowsFrozen([first, second]));
    await when(rowsFrozen([third], { n: 1 }));

    const row = (n: number, of: typeof first) => ({
      invoice_id: id(1),
      attempt: id(12),
      row_id: of.rowId,
      n,
      line_id: of.lineId,
      part_id: of.partId,
      row: of,
    });
    expect(await rows(invoiceRows)).toEqual([row(0, first), row(1, second), row(100_000, third)]);
    expect(await rows(invoiceRows, 1)).toEqual([row(0, first), row(1, second)]);
  });

  it('is paid', async () => {
    await given(...issued(1, '12.1'));
    await when({ InvoicePaid: { invoiceId: id(1), tenantId: 't', currency: 'USD', at: '2026-05-20T00:00:00Z' } });

    expect(await rows(invoices)).toEqual([{ ...ISSUED, status: 'paid', paid_at: '2026-05-20T00:00:00Z' }]);
    expect(await rows(invoices, 2)).toEqual([ISSUED]);
  });

  it('keeps its number when it is voided, and the next one has the next number', async () => {
    await given(...issued(1, '12.1'));
    await when(invoiceVoided(), ...issued(2, '12.1'));

    const { credit_taken: _taken, amount_due: _due, ...left } = ISSUED;
    expect(await rows(invoices)).toEqual([
      { ...left, status: 'void', voided_at: '2026-05-03T00:00:00Z' },
      { ...ISSUED, invoice_id: id(2), ordinal: 2 },
    ]);
    expect(await rows(invoices, 2)).toEqual([ISSUED]);
  });

  it('has no number and no amount due when its draft is voided', async () => {
    await given(invoiceDrafted());
    await when(invoiceVoided());

    expect(await rows(invoices)).toEqual([{ ...DRAFT, status: 'void', voided_at: '2026-05-03T00:00:00Z' }]);
    expect(await rows(tenantCredits)).toEqual([]);
  });
});

describe('the credit of a tenant', () => {
  const credit = async (position?: number) => (await rows(tenantCredits, position)).map((row) => row.credit);
  const due = async (n: number) => {
    const row = (await rows(invoices)).find(({ invoice_id }) => invoice_id === id(n));
    return [row?.credit_taken, row?.amount_due];
  };

  it('comes from an invoice below zero, and is used by later ones', async () => {
    await given(...issued(1, '-30'));
    await when(...issued(2, '20'), ...issued(3, '15'));

    expect(await rows(tenantCredits, 2)).toEqual([{ tenant_id: 't', currency: 'USD', credit: '30' }]);
    // 30 − 20 = 10 is left. The next invoice of 15 uses 10, and 5 are due.
    expect(await credit(4)).toEqual(['10']);
    expect([await due(1), await due(2), await due(3)]).toEqual([
      ['0', '0'],
      ['20', '0'],
      ['10', '5'],
    ]);
    expect(await credit()).toEqual([]);
  });

  it('is returned by a voided invoice', async () => {
    await given(...issued(1, '-30'), ...issued(2, '20'));
    await when(invoiceVoided({ invoiceId: id(2) }));

    // 30 − 20 = 10, and 10 + 20 = 30.
    expect(await credit(4)).toEqual(['10']);
    expect(await credit()).toEqual(['30']);
  });
});

describe('a credit note', () => {
  it('has a number of its own series, and lowers the amount due', async () => {
    await given(...issued(1, '12.1'));
    await when(creditNoteIssued());

    expect(await rows(creditNotes)).toEqual([
      {
        credit_note_id: id(2),
        invoice_id: id(1),
        tenant_id: 't',
        currency: 'USD',
        ordinal: 1,
        issued_at: '2026-05-04T00:00:00Z',
        rows_attempt: id(13),
        subtotal: '4',
        tax: '0.84',
        total: '4.84',
        reason: 'an outage',
      },
    ]);
    // 12.10 − 4.84 = 7.26
    expect(await rows(invoices)).toEqual([{ ...ISSUED, amount_due: '7.26' }]);
    expect(await rows(tenantCredits)).toEqual([]);
    expect([await rows(creditNotes, 2), await rows(invoices, 2)]).toEqual([[], [ISSUED]]);
  });

  it('becomes credit if the invoice is paid', async () => {
    const paid = { invoiceId: id(1), tenantId: 't', currency: 'USD', at: '2026-05-03T00:00:00Z' } as const;
    await given(...issued(1, '12.1'), { InvoicePaid: paid });
    await when(creditNoteIssued());

    expect((await rows(invoices))[0]?.amount_due).toBe('12.1');
    expect(await rows(tenantCredits)).toEqual([{ tenant_id: 't', currency: 'USD', credit: '4.84' }]);
  });
});
