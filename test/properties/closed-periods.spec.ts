import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { BEGINNING, live, step } from '../support/random-history.js';

/** A closed period is never written again, and nothing that comes later is lost: it is booked in the open one. */

const RUNS = { numRuns: Number(process.env['HISTORIES'] ?? '2'), seed: Number(process.env['PROPERTY_SEED'] ?? '7') };
const MONTHS = Array.from({ length: 7 }, (_, n) => `2026-0${n + 1}`);
const T = (date: string) => `${date}T00:00:00Z`;

type Row = Readonly<Record<string, string | null>>;

async function journal({ ledger }: TestLedger, month: string): Promise<Row[]> {
  const rows: Row[] = [];
  const exported = await ledger.export('journal', { period: month, format: 'jsonl' }, ADMIN);
  for await (const row of exported.rows) rows.push(row as Row);
  return rows;
}

const whole = async (test: TestLedger): Promise<Row[]> => {
  const rows: Row[] = [];
  for (const month of MONTHS) rows.push(...(await journal(test, month)));
  return rows;
};
const amounts = (rows: readonly Row[]): Decimal => sum(rows.map(({ amount }) => decimal(amount ?? '0')));
/** By account, of what, and for which month: the same, whatever period it is booked in. */
const sums = (rows: readonly Row[]): string[] =>
  [...Map.groupBy(rows, ({ account, currency, kind, chargeMonth }) => [account, currency, kind, chargeMonth].join(' '))]
    .map(([of, each]) => `${of}: ${text(amounts(each))}`)
    .filter((each) => !each.endsWith(': 0'))
    .sort();

it('stays as it was, and what comes later is in the next one with its original period', async () => {
  let late = 0;
  const history = fc.array(step, { minLength: 10, maxLength: 16 });
  await fc.assert(
    fc.asyncProperty(history, history, history, async (first, second, third) => {
      const test = await testLedger();
      try {
        await test.apply(...BEGINNING);
        const issued: string[] = [];
        for (const each of first) await live(test, each, issued);
        await live(test, { bill: 't1', at: T('2026-05-01') }, issued);
        const april = await journal(test, '2026-04');
        await test.apply({ command: 'close-period', month: '2026-04' });
        for (const each of second) await live(test, each, issued);
        await live(test, { bill: 't1', at: T('2026-05-20') }, issued);
        expect(await journal(test, '2026-04')).toEqual(april);
        const may = await journal(test, '2026-05');
        await test.apply({ command: 'close-period', month: '2026-05' });
        for (const each of third) await live(test, each, issued);
        for (const tenantId of ['t1', 't2']) await live(test, { bill: tenantId, at: T('2026-06-01') }, issued);
        expect([await journal(test, '2026-04'), await journal(test, '2026-05')]).toEqual([april, may]);
        const closed = await whole(test);
        for (const [, rows] of Map.groupBy(closed, ({ transaction, currency }) => `${transaction} ${currency}`))
          expect(text(amounts(rows))).toBe('0');
        const booked = closed.filter(({ type }) => type === 'late');
        expect(booked.filter(({ date, originalMonth }) => (date ?? '') <= `${originalMonth}-31`)).toEqual([]);
        late += booked.length;
        await test.apply({ command: 'reopen-period', month: '2026-04', reason: 'to compare' });
        const open = await whole(test);
        expect(open.filter(({ type }) => type === 'late')).toEqual([]);
        expect(sums(closed)).toEqual(sums(open));
      } finally {
        await test.close();
      }
    }),
    RUNS,
  );
  // Else it would say nothing of them.
  expect(late).toBeGreaterThan(0);
});

it('is refused before its end, and only reopened if it is closed', async () => {
  const test = await testLedger();
  try {
    // It is 1 June.
    expect(await test.refused({ command: 'close-period', month: '2026-06' })).toMatchObject({
      code: 'period_not_over',
    });
    expect(await test.refused({ command: 'reopen-period', month: '2026-05', reason: 'r' })).toMatchObject({
      code: 'period_not_closed',
    });
    await test.apply({ command: 'close-period', month: '2026-05' });
    expect(await test.ledger.execute({ command: 'close-period', month: '2026-04' }, ADMIN)).toMatchObject({
      status: 'unchanged',
    });
    expect(await test.ask('books')).toMatchObject({ closedUntil: '2026-05' });
    await test.apply({ command: 'reopen-period', month: '2026-05', reason: 'a bill came late' });
    expect(await test.ask('books')).toMatchObject({ closedUntil: '2026-04' });
  } finally {
    await test.close();
  }
});
