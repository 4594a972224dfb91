import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { costsProjection } from './costs.projection.js';
import { costLines, costMonths } from './costs.table.js';

const { given, when, whenOwn, clear, rows, versions } = projected(costsProjection);

const APRIL = { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };
const OF = { provider: 'do', invoiceRef: '2026-04' };
const droplet = { lineKey: 'droplet', resourceId: 'r', kind: 'droplet', chargePeriod: APRIL, currency: 'USD' } as const;

const ROW = {
  provider: 'do',
  invoice_ref: '2026-04',
  charge_period_start: APRIL.start,
  charge_period_end: APRIL.end,
  currency: 'USD',
};

it('keeps a provider’s cost, and the corrected version of a line', async () => {
  const tax = { lineKey: 'tax', kind: 'tax', chargePeriod: APRIL, amount: '4.56', currency: 'USD', category: 'tax' };
  await given({
    CostRecorded: {
      ...OF,
      lines: [
        { ...droplet, amount: '24', effectiveAmount: '21.333333333333333333', category: 'usage', tenantId: 't' },
        { ...tax, category: 'tax' },
      ],
    },
  });
  await when({
    CostCorrected: {
      ...OF,
      lines: [{ ...droplet, amount: '22.8', category: 'adjustment', class: 'correction', description: 'April again' }],
      reason: 'the provider delivered April again',
    },
  });

  const [line, ofTax] = [
    { ...ROW, line_key: 'droplet', kind: 'droplet', resource_id: 'r' },
    { ...ROW, line_key: 'tax', kind: 'tax', amount: '4.56', category: 'tax' },
  ];
  expect(await rows(costLines)).toEqual([
    { ...line, amount: '22.8', category: 'adjustment', class: 'correction', description: 'April again' },
    ofTax,
  ]);
  expect(await rows(costLines, 1)).toEqual([
    { ...line, amount: '24', effective_amount: '21.333333333333333333', category: 'usage', tenant_id: 't' },
    ofTax,
  ]);
});

/** 600 lines of one dollar: `line 0` to `line 599`. */
const sixHundred = Array.from({ length: 600 }, (_, n) => ({
  ...droplet,
  lineKey: `line ${n}`,
  amount: '1',
  category: 'usage' as const,
}));

it('copies the lines of a large bill with all that they have', async () => {
  const full = {
    ...droplet,
    lineKey: 'a\\b',
    amount: '-0.5',
    effectiveAmount: '0.25',
    category: 'credit',
    class: 'correction',
    tenantId: 't',
    description: 'tab\tand\nline \\N',
    focus: { Tags: '{"a":"\\"b\\""}', ListCost: '1.50' },
  } as const;
  await when({ CostRecorded: { ...OF, lines: [full, ...sixHundred] } });

  const found = await rows(costLines);
  expect(found).toHaveLength(601);
  expect(found[0]).toEqual({
    ...ROW,
    line_key: 'a\\b',
    resource_id: 'r',
    kind: 'droplet',
    amount: '-0.5',
    effective_amount: '0.25',
    category: 'credit',
    class: 'correction',
    tenant_id: 't',
    description: 'tab\tand\nline \\N',
    focus: { Tags: '{"a":"\\"b\\""}', ListCost: '1.50' },
  });
  expect(found[1]).toEqual({
    ...ROW,
    line_key: 'line 0',
    resource_id: 'r',
    kind: 'droplet',
    amount: '1',
    category: 'usage',
  });
});

it('makes the next version of a line that a large bill records again', async () => {
  await given({ CostRecorded: { ...OF, lines: [{ ...droplet, lineKey: 'line 7', amount: '5', category: 'usage' }] } });
  await when(
    { CostRecorded: { ...OF, lines: sixHundred } },
    { CostWithdrawn: { ...OF, lineKey: 'line 8', reason: 'never was' } },
    { CostRecorded: { ...OF, lines: sixHundred.slice(8, 9) } },
  );

  const found = await versions(costLines);
  expect(found).toHaveLength(602);
  const of = (key: string) =>
    found
      .filter(({ line_key }) => line_key === key)
      .map(({ amount, position_from, position_to = null }) => [amount, position_from, position_to]);
  expect(of('line 7')).toEqual([
    ['5', 1, 2],
    ['1', 2, null],
  ]);
  expect(of('line 8')).toEqual([
    ['1', 2, 3],
    ['1', 4, null],
  ]);
});

it('makes the same rows of a bill that this process wrote a moment ago, whatever its texts are', async () => {
  const marks = ['},"', ',{"lineKey":"x"}', ',"focus":{', '],"lines":[{"lineKey":', ']}', 'a"b\\', '\t\n'];
  const odd = marks.flatMap((mark, n) => [
    { ...droplet, lineKey: `key ${n}`, amount: '1', category: 'usage' as const, description: mark },
    { ...droplet, lineKey: `details ${n}`, amount: '2', category: 'usage' as const, focus: { Tags: mark } },
    { focus: { RegionId: mark }, ...droplet, lineKey: `first ${n}`, amount: '3', category: 'tax' as const },
  ]);
  const bill = { CostRecorded: { provider: 'a "b"', invoiceRef: ',"lines":[{', lines: [...odd, ...sixHundred] } };
  await when(bill);
  const expected = await versions(costLines);
  expect(expected).toHaveLength(621);
  await clear();
  await whenOwn(bill);
  expect(await versions(costLines)).toEqual(expected);

  // Line 7 is in force already: the events are applied line by line.
  await whenOwn({
    CostRecorded: { ...OF, lines: [{ ...droplet, lineKey: 'line 7', amount: '5', category: 'usage' }] },
  });
  await whenOwn({ CostRecorded: { ...OF, lines: sixHundred } });
  expect((await versions(costLines)).filter(({ invoice_ref }) => invoice_ref === OF.invoiceRef)).toHaveLength(601);
});

it('marks the months that a line charges, those that it no longer charges, and those of tax', async () => {
  const over = { start: '2026-03-31T12:00:00Z', end: '2026-05-01T00:00:00.5Z' };
  const usage = { ...droplet, amount: '1', category: 'usage' as const };
  await given({ CostRecorded: { ...OF, lines: [usage, { ...usage, lineKey: 'tax', category: 'tax' }] } });
  await when(
    { CostCorrected: { ...OF, lines: [{ ...usage, chargePeriod: over, currency: 'EUR' }], reason: 'in euros' } },
    { CostWithdrawn: { ...OF, lineKey: 'droplet', reason: 'never was' } },
  );

  const of = (marked_at: number, currency: string, is_tax: boolean, first_month: string, last_month: string) => ({
    ...{ marked_at, currency, is_tax, first_month, last_month },
  });
  expect(await rows(costMonths)).toEqual([
    of(1, 'USD', false, '2026-04', '2026-04'),
    of(1, 'USD', true, '2026-04', '2026-04'),
    of(2, 'EUR', false, '2026-03', '2026-05'),
    of(2, 'USD', false, '2026-04', '2026-04'),
    of(3, 'EUR', false, '2026-03', '2026-05'),
  ]);
});

it('marks each month of a large bill once', async () => {
  const may = { start: '2026-05-01T00:00:00Z', end: '2026-06-01T00:00:00Z' };
  const bill = sixHundred.map((line, n) => (n % 2 === 0 ? line : { ...line, chargePeriod: may }));
  await when({ CostRecorded: { ...OF, lines: bill } });
  const marked = [
    { marked_at: 1, currency: 'USD', is_tax: false, first_month: '2026-04', last_month: '2026-04' },
    { marked_at: 1, currency: 'USD', is_tax: false, first_month: '2026-05', last_month: '2026-05' },
  ];
  expect(await rows(costMonths)).toEqual(marked);
  await clear();
  await whenOwn({ CostRecorded: { ...OF, lines: bill } });
  expect(await rows(costMonths)).toEqual(marked);
});
