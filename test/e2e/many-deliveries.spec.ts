import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { backfilled, countsOf } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { onPostgres, type TestLedger } from '../support/ledger.js';

// A file of own costs may have a bill for each customer and month: each is a delivery. They are looked up, compared and
// written together.

/** Every statement on every connection of this process, from before the pools are made. */
const statements = jest.spyOn(pg.Client.prototype, 'query');

const HEADER = 'provider,invoiceRef,resourceId,kind,start,end,amount,currency,category\n';
const line = (provider: string, bill: number, resource: number, amount: string): string =>
  `${provider},INV-${bill},vm-${resource},server,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,${amount},USD,usage\n`;
const billsOf = (bills: number, lines: (bill: number) => string): string =>
  HEADER + Array.from({ length: bills }, (_, bill) => lines(bill)).join('');
/** Three lines of 1.00 each. */
const first = (provider: string, bills: number): string =>
  billsOf(bills, (bill) => [0, 1, 2].map((resource) => line(provider, bill, resource, '1.00')).join(''));
/** One line as it was, one of 1.50, the third one is gone. */
const second = (provider: string, bills: number): string =>
  billsOf(bills, (bill) => line(provider, bill, 0, '1.00') + line(provider, bill, 1, '1.50'));

const [FEW, MANY] = [30, 230];

describe('an import of many deliveries', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    // The mirror of EventStoreDB has statements of its own.
    [test, files] = await Promise.all([onPostgres(), folder()]);
    // What is looked up once in a process is looked up here.
    await imported('warm', first('warm', 1), null);
  });
  afterAll(async () => {
    await Promise.all([test.close(), files.remove()]);
    statements.mockRestore();
  });

  async function imported(name: string, content: string, delivery: string | null) {
    const file = await files.write(`${name}.csv`, content);
    const before = statements.mock.calls.length;
    const summary = await backfilled(test, 'costs', file, {}, { delivery: { name: delivery, isPartial: false } });
    return { counts: countsOf(summary), removed: summary.removed, cost: statements.mock.calls.length - before };
  }
  const sumOf = async (provider: string): Promise<unknown[]> => {
    const { rows } = await test.core.pool.query<object>(
      'SELECT count(*)::int AS lines, sum(amount)::text AS sum FROM cost_lines ' +
        'WHERE provider = $1 AND position_to IS NULL',
      [provider],
    );
    return rows;
  };

  it('takes less than a statement for each, first and next', async () => {
    const few = await imported('few', first('few', FEW), '1');
    const many = await imported('many', first('many', MANY), '1');
    expect([few.counts, many.counts]).toEqual([
      [90, 90, 0, 0, 0],
      [690, 690, 0, 0, 0],
    ]);
    expect(many.cost - few.cost).toBeLessThan(MANY - FEW);
    const fewNext = await imported('few-next', second('few', FEW), '2');
    const manyNext = await imported('many-next', second('many', MANY), '2');
    expect([fewNext.counts, fewNext.removed, manyNext.counts, manyNext.removed]).toEqual([
      ...[[60, 0, 30, 30, 0], 30],
      ...[[460, 0, 230, 230, 0], 230],
    ]);
    expect(manyNext.cost - fewNext.cost).toBeLessThan(MANY - FEW);
    // 230 × (1.00 + 1.50)
    expect([await sumOf('few'), await sumOf('many')]).toEqual([
      [{ lines: 60, sum: '75.0' }],
      [{ lines: 460, sum: '575.0' }],
    ]);
    // The files of the first deliveries do not undo the next ones.
    await expect(imported('many', first('many', MANY), '1')).rejects.toMatchObject({ code: 'delivery_superseded' });
    expect((await test.check()).failures).toEqual([]);
  });

  it('withdraws the bills that a delivery no longer has, and those of no other', async () => {
    const header =
      'lineItem/LineItemType,bill/BillType,bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/UsageStartDate,' +
      'lineItem/UsageEndDate,lineItem/ProductCode,lineItem/UnblendedCost,lineItem/CurrencyCode\n';
    const row = (payer: string, type: string, cost: string): string =>
      `Usage,${type},${payer},2026-04-01T00:00:00Z,2026-04-10T00:00:00Z,2026-04-11T00:00:00Z,EC2,${cost},USD\n`;
    // The names of some payers begin with that of another one.
    const payers = ['1', '10', '1 0', '2', '20'];
    const rows = payers.map((payer) => row(payer, 'Anniversary', '1.00') + row(payer, 'Refund', '-0.25'));
    expect(await imported('aws-1', header + rows.join(''), '1')).toMatchObject({ counts: [10, 10, 0, 0, 0] });
    const next = header + row('1', 'Anniversary', '1.00') + row('2', 'Purchase', '3.00');
    expect(await imported('aws-2', next, '2')).toMatchObject({ counts: [2, 1, 1, 0, 0], removed: 3 });
    // 1.00, 3 × 0.75 and 3.00
    expect(await sumOf('aws')).toEqual([{ lines: 8, sum: '6.25' }]);
  });

  it('of which one is large and others are small records each line once', async () => {
    const large = Array.from({ length: 4_500 }, (_, n) => line('mixed', 1, n, '0.01')).join('');
    const small = [0, 2, 3].map((bill) => line('mixed', bill, 0, '1.00') + line('mixed', bill, 1, '1.00'));
    const content = HEADER + small.join('') + large;
    expect(await imported('mixed', content, 'a')).toMatchObject({ counts: [4_506, 4_506, 0, 0, 0] });
    expect(await imported('mixed-next', `${content}\n`, 'b')).toMatchObject({ counts: [4_506, 0, 4_506, 0, 0] });
    // 6 × 1.00 + 4,500 × 0.01
    expect(await sumOf('mixed')).toEqual([{ lines: 4_506, sum: '51.00' }]);
  });
});
