import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { FrozenRow } from '#domain/invoices/invoice';
import { LedgerCore } from '#ledger/ledger-core';
import { QUERIES } from '#operations/operations';
import { canonicalInvoice, reissued } from '#billing/invoices/reissue';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import { AT, NOT_OF_THE_LOG, PARAMETERS } from '../support/all-queries.js';
import { expectBridge } from '../support/bridges.js';
import { type TestLedger, testLedger } from '../support/ledger.js';
import { BUYER, SELLER } from '../support/parties.js';
import { BEGINNING, live, step } from '../support/random-history.js';

// A long history of whatever happens: usage, late and corrected, other prices, invoices in between, some of them
// voided. What each query answered at the time is what it answers later, asked as of then; and every invoice comes out
// again.

const STEPS = 120;
/** How often all queries are asked on the way. */
const EACH = 15;
const SEED = Number(process.env['PROPERTY_SEED'] ?? 20261121);

let test: TestLedger;
let core: LedgerCore;
const taken: { position: number; name: string; params: Record<string, unknown>; answer: string }[] = [];
const issued: string[] = [];

/** Its answer, or why it has none. */
async function answerOf(name: string, params: Record<string, unknown>): Promise<string> {
  try {
    // A document as of a moment says so. Everything else in it is the same.
    return JSON.stringify(await test.ask(name, params)).replace(/<dt>As recorded up to<\/dt><dd>[^<]*<\/dd>/, '');
  } catch (error) {
    return `refused: ${error instanceof Error ? error.message : String(error)}`;
  }
}

beforeAll(async () => {
  test = await testLedger({ sellerDetails: SELLER });
  core = test.app.get(LedgerCore);
  await test.apply(...BEGINNING);
  await test.apply({ command: 'correct-tenant', tenantId: 't1', eInvoice: BUYER, reason: 'asked' });
  // An object that is requested by its id exists from the start.
  await live(test, { bill: 't1', at: '2026-04-02T00:00:00Z' }, issued);
  await test.apply({
    command: 'create-credit-note',
    invoiceId: issued[0],
    at: AT,
    amount: '1.00',
    reason: 'an outage',
  });
  await live(test, { bill: 't2', at: '2026-04-02T00:00:00Z' }, issued);
  await test.apply({
    command: 'issue-consolidated-invoice',
    ...{ payerId: 't2', currency: 'USD', at: AT, invoiceIds: [issued[1]] },
  });
  await test.apply({ command: 'register-webhook', webhookId: 'books', url: 'https://books.example' });
  const idOf = async (name: string, field: string): Promise<string> =>
    (await test.ask<{ items: Record<string, string>[] }>(name, { at: name === 'lines' ? AT : undefined })).items[0]?.[
      field
    ] ?? '';
  const note = await idOf('credit-notes', 'creditNoteId');
  const ids: Readonly<Record<string, object>> = {
    invoice: { id: issued[0] },
    line: { id: await idOf('lines', 'lineId'), at: AT },
    ...Object.fromEntries(['document', 'ubl', 'cii'].map((form) => [`invoice-${form}`, { id: issued[0] }])),
    ...Object.fromEntries(
      ['credit-note', ...['document', 'ubl', 'cii'].map((form) => `credit-note-${form}`)].map((name) => [
        name,
        { id: note },
      ]),
    ),
    ...Object.fromEntries(
      ['consolidated-invoice', 'consolidated-invoice-document'].map((name) => [name, { id: 'CI-000001' }]),
    ),
    quote: { planId: 'p', usage: { requests: '50' }, period: { start: '2026-04-01T00:00:00Z', end: AT } },
  };
  const happenings = fc.sample(step, { numRuns: STEPS, seed: SEED });
  for (const [index, happening] of happenings.entries()) {
    await live(test, happening, issued);
    if (index % EACH !== EACH - 1) continue;
    const position = await test.ledger.catchUp();
    for (const name of QUERIES.keys()) {
      if (NOT_OF_THE_LOG.includes(name)) continue;
      const params = { ...PARAMETERS[name], ...ids[name] };
      taken.push({ position, name, params, answer: await answerOf(name, params) });
    }
  }
});
afterAll(async () => test.close());

describe('as of', () => {
  it.each([...QUERIES.keys()].filter((name) => !NOT_OF_THE_LOG.includes(name)))(
    '%s gives the same answer as then',
    async (name) => {
      const asked = taken.filter((each) => each.name === name);
      expect(asked).toHaveLength(STEPS / EACH);
      for (const { position, params, answer } of asked)
        expect([position, await answerOf(name, { ...params, asOf: String(position) })]).toEqual([position, answer]);
      // Also with the second name of the parameter, next to `at`.
      for (const { position, params, answer } of asked.slice(0, 1))
        expect([position, await answerOf(name, { ...params, knownAt: String(position) })]).toEqual([position, answer]);
      // It was asked something: not each answer is a refusal.
      expect(asked.filter(({ answer }) => answer.startsWith('refused')).map(({ answer }) => answer)).toEqual([]);
    },
  );
});

describe('a bridge of margins', () => {
  it('adds up between two months, and between any two moments', async () => {
    const positions = [...new Set(taken.map(({ position }) => String(position)))];
    const head = positions.at(-1) ?? '';
    await expectBridge(test, { period: '2026-04', asOf: head }, { period: '2026-05', asOf: head });
    for (const [index, asOf] of positions.slice(1).entries())
      await expectBridge(test, { period: '2026-04', asOf: positions[index] ?? '' }, { period: '2026-04', asOf });
  });
});

describe('projections', () => {
  it('as of a position or an instant show only the events up to it', async () => {
    const head = await core.log.head();
    const standing = async (params: object) =>
      new Set(
        (
          await test.ask<{ items: { position: number; head: number; lag: number }[] }>('projections', { ...params })
        ).items.map((item) => [item.position, item.head, item.lag].join(' ')),
      );
    expect([await standing({}), await standing({ asOf: '5' }), await standing({ knownAt: '4' })]).toEqual([
      new Set([`${head} ${head} 0`]),
      new Set(['5 5 0']),
      new Set(['4 4 0']),
    ]);
    expect(await standing({ asOf: '2000-01-01T00:00:00Z' })).toEqual(new Set(['0 0 0']));
    await expect(standing({ asOf: String(head + 1) })).rejects.toMatchObject({ code: 'position_ahead' });
  });
});

describe('every issued invoice', () => {
  it('is computed again from the log, byte for byte', async () => {
    const { rows } = await core.pool.query<InvoiceRow & { computed_at: number; rows: FrozenRow[] }>(
      `SELECT i.*, (SELECT coalesce(jsonb_agg(r.row ORDER BY r.n), '[]') FROM invoice_rows r
           WHERE r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt) AS rows
       FROM invoices i WHERE i.position_to IS NULL AND i.rows_attempt IS NOT NULL ORDER BY i.ordinal`,
    );
    expect(rows.length).toBeGreaterThan(5);
    // With corrections, and voided ones among them: otherwise the history was too short to say anything.
    expect([
      rows.some(({ status }) => status === 'void'),
      rows.some(({ rows: own }) => own.some(({ kind }) => kind === 'rebooked')),
    ]).toEqual([true, true]);
    for (const invoice of rows)
      expect([invoice.ordinal, await reissued(core, invoice)]).toEqual([
        invoice.ordinal,
        canonicalInvoice(invoice.invoice_id, invoice.rows),
      ]);
  });

  it('leaves a ledger in which every invariant holds', async () => {
    const { failures } = await test.ask<{ failures: object[] }>('check');
    expect(failures).toEqual([]);
  });
});
