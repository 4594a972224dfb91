import { expect, it } from '@jest/globals';
import { lineOpened } from '../../test/support/facts.js';
import { type Fact, id, projected } from '../../test/support/projections.js';
import { invoiceLinesProjection } from './invoice-lines.projection.js';
import { invoiceLines } from './invoice-lines.table.js';

const { given, when, rows } = projected(invoiceLinesProjection);

const day = (n: number): string => `2026-04-${n}T00:00:00Z`;
const split = (at: string, billed: number, remaining: number): Fact => ({
  LineSplit: { lineId: id(100), at, billedPartId: id(billed), remainingPartId: id(remaining), invoiceId: id(1) },
});

const LINE = {
  root_line_id: id(100),
  line_id: id(100),
  status: 'valid',
  tenant_id: 't',
  subscription_id: 's',
  deployment_id: 'd',
  billing_kind: 'cpu',
  item_key: 'cpu',
  currency: 'USD',
  period_start: '2026-04-01T00:00:00Z',
  period_end: '2026-05-01T00:00:00Z',
};
const part = (n: number, period_start: string, period_end: string) => ({
  ...LINE,
  line_id: id(n),
  parent_line_id: id(100),
  period_start,
  period_end,
});

it('cuts a line into parts, and the last part at the next cut: one level for any number of cuts', async () => {
  await given(lineOpened(100));
  await when(split(day(10), 101, 102));
  await when(split(day(20), 103, 104));

  expect(await rows(invoiceLines, 1)).toEqual([LINE]);
  expect(await rows(invoiceLines, 2)).toEqual([
    { ...LINE, status: 'split' },
    part(101, LINE.period_start, day(10)),
    part(102, day(10), LINE.period_end),
  ]);
  // The second cut shortens part 102 and adds part 103.
  expect(await rows(invoiceLines)).toEqual([
    { ...LINE, status: 'split' },
    part(101, LINE.period_start, day(10)),
    part(103, day(10), day(20)),
    part(104, day(20), LINE.period_end),
  ]);
});

it('refuses a cut of a line that was never opened', async () => {
  await expect(when(split(day(10), 101, 102))).rejects.toThrow(`Line ${id(100)} is split but was never opened`);
});
