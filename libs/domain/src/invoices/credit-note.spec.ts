import { describe, expect, it } from '@jest/globals';
import { decimal, sum, text } from '../money/decimal.js';
import { instant } from '../time/instant.js';
import { derivedId } from '../derived-id.js';
import { creditNoteRows } from './credit-note.js';
import type { FrozenRow } from './invoice.js';

const row = (name: string, net: string, tax: string): FrozenRow => ({
  rowId: derivedId('row', name),
  lineId: derivedId('line', name),
  partId: derivedId('line', name),
  subscriptionId: 's1',
  deploymentId: 'd1',
  billingKind: name,
  chargePeriod: { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-05-01T00:00:00Z') },
  ref: 'usage',
  quantity: '1',
  unitAmount: net,
  gross: net,
  discount: '0',
  credit: '0',
  net,
  taxRatePercent: '19',
  tax,
  planId: 'p1',
  planEffectiveFrom: instant('2026-01-01T00:00:00Z'),
  kind: 'charge',
});
const credited = (rows: readonly FrozenRow[], amount?: string) => {
  const note = creditNoteRows(
    derivedId('note'),
    { invoiceId: 'i1', currency: 'USD', rows, noted: [] },
    amount === undefined ? {} : { amount },
    'an outage',
  );
  const of = (field: 'net' | 'tax') => text(sum(note.map((each) => decimal(each[field]))));
  return { net: of('net'), tax: of('tax'), taxes: note.map(({ tax }) => tax) };
};

describe('the tax of a credit note', () => {
  // 5 × 20.00 at 19 %: 3.80 each
  const rows = ['a', 'b', 'c', 'd', 'e'].map((name) => row(name, '20', '3.8'));

  it('is that of the amount, by largest remainder over its rows', () => {
    // 10.03 is 2.01, 2.01, 2.01, 2.00, 2.00: 0.3819 thrice and 0.38 twice; in all 10.03 × 0.19 = 1.9057 → 1.91
    expect(credited(rows, '10.03')).toEqual({
      net: '-10.03',
      tax: '-1.91',
      taxes: ['-0.39', '-0.38', '-0.38', '-0.38', '-0.38'],
    });
  });

  it('is what is left of a row that is credited whole', () => {
    expect(credited(rows)).toEqual({ net: '-100', tax: '-19', taxes: ['-3.8', '-3.8', '-3.8', '-3.8', '-3.8'] });
  });
});

it('is one of its amount, without a unit, and its price is above 0 also where it credits a negative row', () => {
  const note = creditNoteRows(
    derivedId('note'),
    {
      ...{ invoiceId: 'i1', currency: 'USD', noted: [] },
      rows: [
        { ...row('a', '20', '3.8'), unit: 'hour', unitAmount: '0.5', quantity: '40' },
        { ...row('b', '-5', '-0.95'), unit: 'hour', unitAmount: '0.5', quantity: '-10', kind: 'reversal' },
      ],
    },
    {},
    'an outage',
  );
  expect(
    note.map(({ quantity, unit = 'none', unitAmount, net, tax }) => [quantity, unit, unitAmount, net, tax]),
  ).toEqual([
    ['-1', 'none', '20', '-20', '-3.8'],
    ['1', 'none', '5', '5', '0.95'],
  ]);
});
