import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { backfilled, countsOf } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { testLedger, type TestLedger } from '../support/ledger.js';
import { checkedOn } from '../support/properties.js';

const HEADER =
  'BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargeClass,' +
  'ChargeDescription,ChargePeriodStart,ChargePeriodEnd,ProviderName,ResourceId,ServiceName,InvoiceId\n';
/** A FOCUS row of April 2026: equal names are equal keys. */
const focus = (name: string, cost: string, invoice = ''): string =>
  `${cost},42,USD,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,Usage,,${name},` +
  `2026-04-10T00:00:00Z,2026-04-11T00:00:00Z,Acme Cloud,vm-1,Compute,${invoice}\n`;

describe('a delivery of costs', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  let count = 0;
  beforeEach(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
  });
  afterEach(async () => {
    await Promise.all([test.close(), files.remove()]);
  });
  const file = async (...rows: string[]): Promise<string> => files.write(`${(count += 1)}.csv`, HEADER + rows.join(''));
  const named = (name: string) => ({ delivery: { name, isPartial: false } });
  const PARTIAL = { delivery: { name: null, isPartial: true } };
  const imported = async (paths: string | readonly string[], more: object = {}) => {
    const summary = await backfilled(test, 'costs', paths, {}, more);
    return { counts: countsOf(summary), removed: summary.removed };
  };
  const cogs = async (): Promise<string> =>
    (await test.ask<{ overall: { cogs: string } }>('margin', { period: '2026-04-15' })).overall.cogs;

  it('may be in several files with equal keys: 10.00, not 7.00', async () => {
    const parts = [await file(focus('a', '3.00')), await file(focus('a', '7.00'))];
    expect(await imported(parts)).toEqual({ counts: [2, 2, 0, 0, 0], removed: 0 });
    expect(await cogs()).toBe('10.00');
    // The same files again, in another order.
    expect(await imported([...parts].reverse())).toEqual({ counts: [2, 0, 2, 0, 0], removed: 0 });
    expect(await cogs()).toBe('10.00');
  });

  it('may come file by file under one name', async () => {
    const [first, second] = [await file(focus('a', '3.00')), await file(focus('a', '3.00'), focus('b', '4.00'))];
    await imported(first, named('2026-04'));
    expect(await imported(second, named('2026-04'))).toEqual({ counts: [2, 2, 0, 0, 0], removed: 0 });
    // 3.00 + 3.00 + 4.00: an equal row in another part is another charge.
    expect(await cogs()).toBe('10.00');
    expect(await imported(second, named('2026-04'))).toEqual({ counts: [2, 0, 2, 0, 0], removed: 0 });
    expect(await imported(first, named('2026-04'))).toEqual({ counts: [1, 0, 1, 0, 0], removed: 0 });
    expect(await cogs()).toBe('10.00');
  });

  it('is not guessed: a file without a name that overlaps with what is recorded writes nothing', async () => {
    await imported(await file(focus('a', '3.00'), focus('b', '1.00')));
    const head = await test.core.log.head();
    const second = await file(focus('a', '7.00'), focus('c', '2.00'));
    await expect(imported(second)).rejects.toMatchObject({
      code: 'delivery_unnamed',
      message:
        'Acme Cloud 42 2026-04 has 2 recorded lines. The files have 0 of them unchanged, 1 with other content, and ' +
        'lack 1. They may be another part of that delivery, or the next one. Nothing was imported. Give all files of ' +
        'a delivery in one call, with --delivery NAME: a new name replaces what is recorded, the name of the last ' +
        'import adds to it.',
    });
    expect(await test.core.log.head()).toBe(head);
    expect(await cogs()).toBe('4.00');
  });

  it('needs no name if its keys are new', async () => {
    await imported(await file(focus('a', '3.00')));
    expect(await imported(await file(focus('b', '4.00')))).toEqual({ counts: [1, 1, 0, 0, 0], removed: 0 });
    expect(await cogs()).toBe('7.00');
  });

  it('replaces the one before: what changed is corrected, what is gone is withdrawn', async () => {
    await imported(await file(focus('a', '3.00'), focus('b', '1.00'), focus('c', '5.00')), named('open'));
    const next = await file(focus('c', '5.00', 'INV-1'), focus('a', '2.50', 'INV-1'), focus('d', '0.25', 'INV-1'));
    expect(await imported(next, named('closed'))).toEqual({ counts: [3, 1, 1, 1, 0], removed: 1 });
    // 2.50 + 5.00 + 0.25
    expect(await cogs()).toBe('7.75');
    // As it was before the second delivery: 3.00 + 1.00 + 5.00.
    const { items } = await test.ask<{ items: { type: string; position: number }[] }>('events', {
      stream: 'cost-Acme%20Cloud-42%202026-04',
    });
    const started = items.filter(({ type }) => type === 'CostDeliveryStarted').map(({ position }) => position);
    const before = (started[1] ?? 0) - 1;
    expect(await test.ask('margin', { period: '2026-04-15', asOf: `${before}` })).toMatchObject({
      overall: { cogs: '9.00' },
    });
    expect((await test.check()).failures).toEqual([]);
  });

  it('withdraws what a seller charged who is no longer in the file', async () => {
    const of = (seller: string, name: string, cost: string): string =>
      focus(name, cost).replace('Acme Cloud', `Acme Cloud,${seller}`);
    const sold = async (...rows: string[]): Promise<string> =>
      files.write(
        `${(count += 1)}.csv`,
        HEADER.replace('ProviderName', 'ProviderName,ServiceProviderName') + rows.join(''),
      );
    const acme = of('Acme Cloud', 'a', '10.00');
    const open = await sold(acme, of('SaaS Co', 'b', '5.00'), of('SaaS Co', 'c', '1.00'));
    expect(await imported(open, named('open'))).toEqual({ counts: [3, 3, 0, 0, 0], removed: 0 });
    // Rows of the same seller and account from another file are no part of it.
    expect(await imported(await sold(of('Other Co', 'd', '0.50')), named('other'))).toMatchObject({ removed: 0 });
    expect(await imported(await sold(acme), PARTIAL)).toEqual({ counts: [1, 0, 1, 0, 0], removed: 0 });
    await expect(imported(await sold(acme, of('Acme Cloud', 'e', 'x')), named('bad'))).rejects.toMatchObject({
      code: 'delivery_incomplete',
    });
    // 10.00 + 5.00 + 1.00 + 0.50
    expect(await cogs()).toBe('16.50');
    expect(await imported(await sold(acme), named('closed'))).toEqual({ counts: [1, 0, 1, 0, 0], removed: 2 });
    // 10.00 + 0.50
    expect(await cogs()).toBe('10.50');
    // And is there again with a row.
    const again = await sold(acme, of('SaaS Co', 'b', '4.00'));
    expect(await imported(again, named('again'))).toEqual({ counts: [2, 1, 1, 0, 0], removed: 0 });
    expect(await cogs()).toBe('14.50');
    expect((await test.check()).failures).toEqual([]);
  });

  it('is of one billing profile of Azure, whose exports may come apart or together', async () => {
    const header = 'BillingAccountId,BillingProfileId,Date,MeterId,MeterCategory,ResourceId,Cost,BillingCurrency\n';
    const of = (profile: string, cost: string): string => `acc,${profile},2026-04-10,m,Storage,r,${cost},USD\n`;
    const azure = async (...rows: string[]): Promise<string> =>
      files.write(`${(count += 1)}.csv`, header + rows.join(''));
    expect(await imported(await azure(of('shop', '3.00')), named('shop 1'))).toMatchObject({ removed: 0 });
    expect(await imported(await azure(of('lab', '4.00')), named('lab 1'))).toMatchObject({ removed: 0 });
    expect(await cogs()).toBe('7.00');
    expect(await imported(await azure(of('shop', '3.50')), named('shop 2'))).toMatchObject({ counts: [1, 0, 0, 1, 0] });
    // 3.50 + 4.00
    expect(await cogs()).toBe('7.50');
    const all = await azure(of('shop', '3.50'), of('lab', '4.25'));
    expect(await imported(all, named('all 1'))).toEqual({ counts: [2, 0, 1, 1, 0], removed: 0 });
    expect(await cogs()).toBe('7.75');
    // One file had both profiles. The next one has no row of lab any more.
    expect(await imported(await azure(of('shop', '3.50')), named('all 2'))).toMatchObject({ removed: 1 });
    expect(await cogs()).toBe('3.50');
  });

  it('without a name does not withdraw a seller unasked', async () => {
    const row = (seller: string): string => focus('a', '3.00').replace('Acme Cloud', seller);
    await imported(await file(row('Acme Cloud'), row('SaaS Co')));
    await expect(imported(await file(row('Acme Cloud')))).rejects.toMatchObject({
      code: 'delivery_unnamed',
      message: expect.stringContaining(
        'SaaS Co 42 2026-04 has 1 recorded lines. The files have 0 of them unchanged, 0 with other content, and lack 1.',
      ),
    });
    expect(await cogs()).toBe('6.00');
  });

  it('that is partial takes nothing away', async () => {
    await imported(await file(focus('a', '3.00'), focus('b', '1.00')), named('all'));
    const some = await file(focus('b', '1.50'), focus('c', '2.00'));
    expect(await imported(some, PARTIAL)).toEqual({ counts: [2, 1, 0, 1, 0], removed: 0 });
    // 3.00 + 1.50 + 2.00
    expect(await cogs()).toBe('6.50');
    // It is still the delivery of that name.
    expect(await imported(await file(focus('a', '4.00')), named('all'))).toMatchObject({ counts: [1, 1, 0, 0, 0] });
    expect(await cogs()).toBe('10.50');
  });

  it('with rejected rows replaces nothing, and their correction joins it', async () => {
    await imported(await file(focus('a', '3.00'), focus('b', '1.00')), named('1'));
    const second = await file(focus('a', '3.00'), focus('b', 'x'));
    await expect(imported(second, named('2'))).rejects.toMatchObject({
      code: 'delivery_incomplete',
      message:
        'Acme Cloud 42 2026-04: rows were rejected (1), and recorded lines are not in the files (1). They may be the ' +
        'same. Nothing was imported. Correct the rows and import all files again, or give --partial to withdraw ' +
        'nothing.',
    });
    expect(await cogs()).toBe('4.00');
    // A first delivery has nothing to lose: its rows are recorded, and the corrected ones join it under its name.
    const may = (rows: string): string => HEADER + rows.replaceAll('2026-04-01', '2026-05-01');
    const first = await files.write('may.csv', may(focus('a', '3.00') + focus('a', 'x')));
    expect(await imported(first, named('may'))).toEqual({ counts: [2, 1, 0, 0, 1], removed: 0 });
    const rejects = await files.write('may-mended.csv.rejects.jsonl', await mended(`${first}.rejects.jsonl`));
    expect(await imported(rejects, named('may'))).toEqual({ counts: [1, 1, 0, 0, 0], removed: 0 });
    // 4.00, and 3.00 + 7.00 of the delivery of May, which charges a day of April.
    expect(await cogs()).toBe('14.00');
  });
  it.each([
    ['without a name', {}],
    ['of a name', { delivery: { name: 'd', isPartial: false } }],
  ])('%s takes rejected rows that are mended one after the other, each once', async (_, more) => {
    const bill = await file(focus('a', '3.00'), focus('a', 'x'), focus('a', 'y'));
    expect(await imported(bill, more)).toEqual({ counts: [3, 1, 0, 0, 2], removed: 0 });
    const path = `${bill}.rejects.jsonl`;
    const mend = async (from: string, to: string): Promise<void> =>
      writeFile(path, (await readFile(path, 'utf8')).replaceAll(`"BilledCost":"${from}"`, `"BilledCost":"${to}"`));
    await mend('x', '7.00');
    expect(await imported(path, more)).toEqual({ counts: [2, 1, 0, 0, 1], removed: 0 });
    await mend('y', '7.00');
    expect(await imported(path, more)).toEqual({ counts: [2, 1, 1, 0, 0], removed: 0 });
    // 3.00 + 7.00 + 7.00: equal rows are separate charges.
    expect(await cogs()).toBe('17.00');
    await mend('7.00', '2.00');
    expect(await imported(path, more)).toEqual({ counts: [2, 0, 0, 2, 0], removed: 0 });
    // 3.00 + 2.00 + 2.00
    expect(await cogs()).toBe('7.00');
    // The next delivery has them under their own keys.
    const next = await file(focus('a', '3.00'), focus('a', '2.50'), focus('a', '2.00'));
    const { counts, removed } = await imported(next, named('next'));
    expect([counts, removed]).toEqual([[3, 0, 2, 1, 0], 0]);
    // 3.00 + 2.50 + 2.00
    expect(await cogs()).toBe('7.50');
    await mend('2.00', '1.00');
    await expect(imported(path, named('next'))).rejects.toMatchObject({
      code: 'delivery_superseded',
      message:
        `Acme Cloud 42 2026-04: the rows of ${basename(path)} were rejected from a file that a later delivery ` +
        'replaced. Nothing was imported. Correct the rejected rows of the last delivery, or give --partial.',
    });
    expect(await cogs()).toBe('7.50');
  });

  const mended = async (path: string): Promise<string> =>
    (await readFile(path, 'utf8')).replace('"BilledCost":"x"', '"BilledCost":"7.00"');

  it('goes on after an interruption, with the files that it had before', async () => {
    const first = await file(focus('a', '3.00'));
    await imported(first, named('d'));
    const rows = Array.from({ length: 12_000 }, (_, n) => focus(`r${n}`, '0.01'));
    const second = await file(...rows);
    const stopping = new AbortController();
    const before = await test.core.log.head();
    const interrupted = imported(second, { ...named('d'), signal: stopping.signal });
    // After the first page of lines is under way.
    while ((await test.core.log.head()) < before + 3) await new Promise(setImmediate);
    stopping.abort();
    await interrupted;
    await expect(imported(await file(focus('z', '1.00')), named('d'))).rejects.toMatchObject({
      code: 'delivery_interrupted',
      message: `Acme Cloud 42 2026-04: the import of ${basename(second)} was interrupted. Run it again first.`,
    });
    // Together with a file that it has: that one is known.
    expect((await imported([first, second], named('d'))).removed).toBe(0);
    // 3.00 + 12,000 × 0.01
    expect(await cogs()).toBe('123.00');
    expect(await imported([first, second], named('d'))).toEqual({ counts: [12_001, 0, 12_001, 0, 0], removed: 0 });
  });
  it('is not undone by the name or the file of an older one', async () => {
    const [open, closed] = [await file(focus('a', '12.00')), await file(focus('a', '12.50'))];
    await imported(open, named('open'));
    await imported(closed, named('closed'));
    await expect(imported(open, named('open'))).rejects.toMatchObject({ code: 'delivery_superseded' });
    expect(await cogs()).toBe('12.50');
  });

  it('is not added again after its name was forgotten', async () => {
    await imported(await file(focus('a', '3.00')), named('d'));
    await expect(imported(await file(focus('a', '3.00'), focus('b', '4.00')))).rejects.toMatchObject({
      code: 'delivery_unnamed',
    });
    expect(await cogs()).toBe('3.00');
  });

  it('has no file twice', async () => {
    const content = HEADER + focus('a', '12.00');
    const plain = await files.write('twice.csv', content);
    await writeFile(`${plain}.gz`, gzipSync(content));
    await expect(imported([plain, `${plain}.gz`])).rejects.toMatchObject({ code: 'same_content' });
    expect(await cogs()).toBe('0.00');
  });

  it('is not two runs of one export, the later of which has all rows of the first', async () => {
    const rows = Array.from({ length: 40 }, (_, n) => focus(`r${n}`, '0.25'));
    // The last row of the first run has grown since.
    const runs = [
      await file(...rows.slice(0, 20)),
      await file(...rows.slice(0, 19), focus('r19', '0.50'), ...rows.slice(20)),
    ];
    const [first, second] = runs;
    for (const more of [{}, named('d')])
      await expect(imported(runs, more)).rejects.toMatchObject({
        code: 'same_content',
        message:
          `Acme Cloud 42 2026-04: ${second} repeats 19 of 20 rows of ${first}. They may be two runs of one export. ` +
          'Nothing was imported. Import the last run only. If both are charged, import one after the other under ' +
          'one name, --delivery NAME.',
      });
    expect(await cogs()).toBe('0.00');
    await imported(runs[0] ?? '', named('d'));
    await imported(runs[1] ?? '', named('d'));
    // 20 × 0.25, and 39 × 0.25 + 0.50
    expect(await cogs()).toBe('15.25');
  });

  it('of few late rows does not replace a month', async () => {
    await imported(await file(...Array.from({ length: 30 }, (_, n) => focus(`r${n}`, '1.00'))), named('april'));
    await expect(imported(await file(focus('late', '0.50')), named('may'))).rejects.toMatchObject({
      code: 'delivery_incomplete',
    });
    expect(await imported(await file(focus('late', '0.50')), PARTIAL)).toEqual({ counts: [1, 1, 0, 0, 0], removed: 0 });
    expect(await cogs()).toBe('30.50');
  });

  it('of one bill leaves a bill whose reference begins alike', async () => {
    const bill = (ref: string, amount: string): string =>
      `acme,${ref},server,2026-04-01T00:00:00Z,2026-05-01T00:00:00Z,${amount},USD,usage\n`;
    const header = 'provider,invoiceRef,kind,start,end,amount,currency,category\n';
    const both = await files.write('bills.csv', header + bill('INV 1', '10.00') + bill('INV 1 credit', '-2.00'));
    await imported(both, named('1'));
    const again = await files.write('again.csv', `${header}${bill('INV 1 credit', '-2.00')}${bill('INV 1', '10.00')}`);
    expect(await imported(again, named('2'))).toEqual({ counts: [2, 0, 2, 0, 0], removed: 0 });
    // 10.00 − 2.00
    expect(await cogs()).toBe('8.00');
  });

  it('refuses another file of the same name in the same delivery', async () => {
    const path = await files.write('april.csv', HEADER + focus('a', '3.00'));
    await imported(path, named('2026-04'));
    await files.write('april.csv', HEADER + focus('a', '3.00') + focus('b', '1.00'));
    await expect(imported(path, named('2026-04'))).rejects.toMatchObject({ code: 'delivery_file_changed' });
    expect(await cogs()).toBe('3.00');
  });

  it('is one of each month, where files or a file have several', async () => {
    const may = (rows: string): string =>
      rows.replaceAll('2026-05-01', '2026-06-01').replaceAll('2026-04-01', '2026-05-01');
    const [april, both] = [await file(focus('a', '3.00')), await file(may(focus('a', '5.00')), focus('b', '1.00'))];
    expect(await imported([april, both])).toEqual({ counts: [3, 3, 0, 0, 0], removed: 0 });
    // Both of May are charged on a day of April. 3.00 + 5.00 + 1.00
    expect(await cogs()).toBe('9.00');
    // The next delivery of May leaves April as it is.
    const next = await file(may(focus('a', '5.00')), may(focus('c', '0.50')));
    expect(await imported(next)).toEqual({ counts: [2, 1, 1, 0, 0], removed: 0 });
    expect(await cogs()).toBe('9.50');
    const closed = await file(may(focus('c', '0.75')), focus('a', '3.00'), focus('b', '1.25'));
    expect(await imported(closed, named('closed'))).toEqual({ counts: [3, 0, 1, 2, 0], removed: 1 });
    // 0.75 + 3.00 + 1.25
    expect(await cogs()).toBe('5.00');
  });

  it('has the account that a mapping gives, if its files name none', async () => {
    const without = (rows: string): string => rows.replaceAll('BillingAccountId,', '').replaceAll(',42,USD', ',USD');
    const first = await files.write('first.csv', without(HEADER + focus('a', '3.00')));
    await expect(imported(first)).rejects.toMatchObject({
      code: 'missing_column',
      message: expect.stringContaining('{"values": {"BillingAccountId": "…"}}'),
    });
    const blank = await files.write('blank.csv', HEADER + focus('a', '3.00').replace(',42,USD', ',,USD'));
    expect((await backfilled(test, 'costs', blank)).said).toEqual([
      'blank.csv, row 1 (line 2): BillingAccountId is missing. Every row needs it: add it, or set one for all rows, ' +
        '{"values": {"BillingAccountId": "…"}}, in a mapping file (--map).',
    ]);
    const mapping = { values: { BillingAccountId: 'ours' } };
    expect(countsOf(await backfilled(test, 'costs', first, mapping, named('1')))).toEqual([1, 1, 0, 0, 0]);
    // Rows of an account of their own are another delivery.
    await imported(await file(focus('a', '1.00')), named('1'));
    const next = await files.write('next.csv', without(HEADER + focus('a', '2.00')));
    expect(countsOf(await backfilled(test, 'costs', next, mapping, named('2')))).toEqual([1, 0, 0, 1, 0]);
    // 2.00 + 1.00
    expect(await cogs()).toBe('3.00');
  });

  it('comes to the same sum, however it is divided, ordered and delivered again', async () => {
    // Few names and costs, so that equal keys and equal rows are common.
    const row = fc.record({ name: fc.constantFrom('a', 'b', 'c'), cents: fc.integer({ min: -3, max: 9 }) });
    const month = fc.array(row, { minLength: 1, maxLength: 12 });
    const cuts = fc.array(fc.nat(2), { minLength: 12, maxLength: 12 });
    const text = (cents: number): string =>
      `${cents < 0 ? '-' : ''}${Math.floor(Math.abs(cents) / 100)}.${String(Math.abs(cents) % 100).padStart(2, '0')}`;
    let delivery = 0;
    await fc.assert(
      fc.asyncProperty(month, cuts, month, cuts, async (first, firstCuts, second, secondCuts) => {
        for (const [rows, at, invoice] of [
          [first, firstCuts, ''],
          [second, secondCuts, 'INV-1'],
        ] as const) {
          const parts = [0, 1, 2]
            .map((part) => rows.filter((_, index) => at[index] === part))
            .filter((part) => part.length > 0);
          // A part of the same content as another one is taken for the same file.
          fc.pre(new Set(parts.map((part) => JSON.stringify(part))).size === parts.length);
          const paths: string[] = [];
          for (const part of parts) paths.push(await file(...part.map((r) => focus(r.name, text(r.cents), invoice))));
          delivery += 1;
          // In one call, and then file by file: the name says that these are its parts.
          if (delivery % 4 < 2) await imported(paths, named(`d${delivery}`));
          else for (const path of paths) await imported(path, named(`d${delivery}`));
          const sum = rows.reduce((total, { cents }) => total + cents, 0);
          expect(await cogs()).toBe(text(sum));
        }
      }),
      checkedOn(8),
    );
  });
});
