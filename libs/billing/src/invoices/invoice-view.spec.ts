import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { deployment, plan, subscription, tenant } from '../../../../test/support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../../../../test/support/ledger.js';
import { contextFor } from '#ledger/query';
import { readInvoicePage } from '#projections/invoices/invoices.read';
import { invoiceView, invoiceViews } from './invoice-view.js';

const MAY = '2026-05-01T00:00:00Z';
const usage = (tenantId: string, day: number, quantity: string) => ({
  command: 'observe-usage',
  deploymentId: `${tenantId}-d`,
  observations: ['requests', 'peak', 'cores'].map((billingKind) => ({
    resourceId: `r${day}`,
    billingKind,
    period: { start: `2026-04-0${day}T00:00:00Z`, end: `2026-04-0${day + 1}T00:00:00Z` },
    granularity: 'day',
    quantity,
    ...(billingKind === 'cores' ? { rateKey: KEY } : {}),
  })),
});
const KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
const ITEMS = [
  { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.50' } },
  { billingKind: 'peak', aggregation: 'max', price: { model: 'unit', unitAmount: '1.00' } },
  { billingKind: 'cores', price: { model: 'rate_card' } },
];
const TENANTS = ['t', 'u', 'v'];
const zCreated = z.object({ invoices: z.array(z.object({ invoiceId: z.string() })) });

let test: TestLedger;
/** Log positions at which there were other invoices, or at which they stood otherwise. */
const positions: number[] = [];
beforeAll(async () => {
  test = await testLedger();
  const apply = async (...commands: object[]): Promise<unknown> => {
    const outcomes = await test.apply(...commands);
    positions.push(await test.core.projector.catchUp());
    const last = outcomes.at(-1);
    return last !== undefined && 'result' in last ? last.result : undefined;
  };
  const created = async (tenantId: string, asOf: string): Promise<string> =>
    zCreated.parse(await apply({ command: 'create-invoice', tenantId, asOf })).invoices[0]?.invoiceId ?? '';

  await apply(plan('p', '10.00', ITEMS), {
    command: 'set-rate',
    ...{ ...KEY, unitPrice: '2', effectiveFrom: '2026-01-01T00:00:00Z' },
  });
  for (const id of TENANTS) await apply(tenant(id), deployment(`${id}-d`, id), subscription(`${id}-s`, `${id}-d`, 'p'));
  for (const id of TENANTS) await apply(usage(id, 2, '4'));
  const [first, second] = [await created('t', MAY), await created('u', MAY), await created('v', MAY)];
  await apply({ command: 'issue-invoice', invoiceId: first, at: MAY });
  await apply({ command: 'create-credit-note', invoiceId: first, at: MAY, amount: '1.00', reason: 'a gift' });
  await apply({ command: 'issue-invoice', invoiceId: second, at: MAY });
  await apply({ command: 'void-invoice', invoiceId: second, at: MAY, reason: 'made again' });
  // Late usage, and a rate that was too low: corrections, on drafts.
  await apply(usage('t', 3, '6'), {
    command: 'correct-rate',
    ...{ ...KEY, unitPrice: '3', effectiveFrom: '2026-01-01T00:00:00Z', reason: 'a typo' },
  });
  await created('t', '2026-05-02T00:00:00Z');
  await created('u', MAY);
});
afterAll(async () => test.close());

const context = (position: number) => contextFor(test.core, position, ADMIN);
const invoicesAt = async (position: number) =>
  readInvoicePage(
    test.core.db,
    position,
    { tenantId: null, payerId: undefined, status: undefined, invoiceIds: undefined },
    { after: null, limit: 100 },
  );

describe('views of many invoices', () => {
  it('are those of each by itself, as of every position', async () => {
    const kinds = new Set<string>();
    for (const position of positions) {
      const rows = await invoicesAt(position);
      for (const { status } of rows) kinds.add(status);
      const alone = [];
      for (const row of rows) alone.push(await invoiceView(context(position), row));
      expect(await invoiceViews(context(position), rows)).toEqual(alone);
    }
    expect([...kinds].sort()).toEqual(['draft', 'issued', 'void']);
  });

  it('have the same other fields without lines, as of every position', async () => {
    for (const position of positions) {
      const rows = await invoicesAt(position);
      const views = await invoiceViews(context(position), rows);
      expect(await invoiceViews(context(position), rows, { withoutLines: true })).toEqual(
        views.map((view) => ({ ...view, lines: [] })),
      );
    }
  });

  it('show what was issued, and on the next draft what it is corrected by', async () => {
    const rows = await invoicesAt(positions.at(-1) ?? 0);
    const views = await invoiceViews(
      context(positions.at(-1) ?? 0),
      rows.filter(({ tenant_id }) => tenant_id === 't'),
    );
    // Two fees, of April and May, in advance; 4 × 0.50 + a peak of 4 × 1.00 + 4 cores × 2 = 20.00 + 2.00 + 4.00 + 8.00
    // The draft: 6 × 0.50, a peak that is 6 − 4 higher at 1.00, and 10 cores × 3 − 4 × 2 = 3.00 + 2.00 + 22.00
    expect(
      views.map(({ status, subtotal, creditNotes }) => [status, subtotal, creditNotes.map((note) => note.total)]),
    ).toEqual([
      ['issued', '34.00', ['1.00']],
      ['draft', '27.00', []],
    ]);
    const corrections = views[1]?.lines.flatMap((line) => (line.correction ? line.rows : [])) ?? [];
    expect(corrections.length).toBeGreaterThan(0);
    for (const row of corrections) expect(row).toMatchObject({ correctsInvoices: ['INV-000001'] });
  });
});
