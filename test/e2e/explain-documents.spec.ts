import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Explained } from '#audit/explain/explained';
import { backfilled } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { deployment, subscription, tenant } from '../support/commands.js';
import { consolidating, issued, issuedOfAll, payerLedger, tokenOf } from '../support/payer-story.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

// What else an auditor asks of: drafts, credit notes, what is not billed yet, and the files and sightings that usage
// came from.

const T = (date: string) => `${date}T00:00:00Z`;
let test: TestLedger;
let dir: Awaited<ReturnType<typeof folder>>;
let draft: string;

const explain = async <Is extends Explained['is']>(id: string, is: Is): Promise<Extract<Explained, { is: Is }>> => {
  const explained = await test.ask<Explained>('explain', { id });
  expect(explained.is).toBe(is);
  return explained as Extract<Explained, { is: Is }>;
};
const drafted = async (asOf: string): Promise<string> => {
  // Only the first four days are metered.
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 't', asOf: T(asOf), unmetered: 'bill' });
  return (created as unknown as { result: { invoices: { invoiceId: string }[] } }).result.invoices[0]?.invoiceId ?? '';
};

beforeAll(async () => {
  test = await testLedger();
  dir = await folder();
  const rates = await dir.write(
    'rates.csv',
    'resourceType,resourceFamily,location,unitPrice,effectiveFrom\nVmVCpu,standard,nyc3,3,2026-01-01T00:00:00Z\nVmVCpu,standard,hel1,2,2026-01-01T00:00:00Z\n',
  );
  await backfilled(test, 'rates', rates);
  await test.apply(
    tenant('t', { tax: { name: 'VAT', ratePercent: '19', from: T('2026-01-01') } }),
    deployment('d', 't'),
    {
      command: 'publish-plan',
      planId: 'studio',
      name: 'Studio',
      currency: 'USD',
      baseFee: '50',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-01-01'),
      items: [
        { billingKind: 'droplet_hours', included: '48', price: { model: 'unit', unitAmount: '0.01' } },
        { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.5' } },
        { billingKind: 'cores', price: { model: 'rate_card' } },
      ],
    },
    subscription('s', 'd', 'studio'),
    {
      command: 'observe-resource',
      provider: 'digitalocean',
      providerId: 'web',
      kind: 'droplet',
      name: 'web',
      status: 'active',
      seenAt: T('2026-04-01'),
      deploymentId: 'd',
    },
    {
      command: 'observe-resource',
      provider: 'digitalocean',
      providerId: 'web',
      kind: 'droplet',
      name: 'web',
      status: 'off',
      seenAt: '2026-04-03T12:00:00Z',
      deploymentId: 'd',
    },
    ...['01', '02', '03', '04'].map((day) => ({ command: 'run-metering', date: `2026-04-${day}` })),
  );
  const usage = await dir.write(
    'april.csv',
    `deploymentId,resourceId,billingKind,start,end,granularity,quantity\n${['x1,requests,2026-04-01T00:00:00Z,2026-04-02T00:00:00Z,day,7', 'x2,requests,2026-04-01T00:00:00Z,2026-04-02T00:00:00Z,day,8', 'x2,requests,2026-04-01T00:00:00Z,2026-04-02T00:00:00Z,day,2', 'x3,requests,2026-04-12T00:00:00Z,2026-04-13T00:00:00Z,day,9'].map((row) => `d,${row}\n`).join('')}`,
  );
  await backfilled(test, 'usage', usage);
  const first = await drafted('2026-04-10');
  await test.apply(
    { command: 'issue-invoice', invoiceId: first, at: T('2026-04-10') },
    { command: 'create-credit-note', invoiceId: first, at: T('2026-04-11'), amount: '2.00', reason: 'an outage' },
  );
  draft = await drafted('2026-04-15');
  const costs = await dir.write(
    'bill.jsonl',
    `${JSON.stringify({ provider: 'do', invoiceRef: 'apr', lineKey: 'a', kind: 'droplet', chargePeriod: { start: T('2026-04-01'), end: T('2026-05-01') }, amount: '6', currency: 'USD', category: 'usage', resourceId: 'web' })}\n`,
  );
  await backfilled(test, 'costs', costs);
});
afterAll(async () => {
  await test.close();
  await dir.remove();
});

describe('explain', () => {
  it('adds up an invoice, with its tax, and names who issued it', async () => {
    const { documents, rows } = await explain('INV-000001', 'issued');
    // 50.00 + (72 − 48) × 0.01 + 17 × 0.50 = 58.74; 19 % of it are 11.1606, so 11.16
    expect(documents).toMatchObject([{ number: 'INV-000001', status: 'issued', arithmetic: '58.74 + 11.16 = 69.90' }]);
    expect(documents[0]?.events.map(({ type }) => type)).toEqual([
      'InvoicePartsClaimed',
      'InvoiceDrafted',
      'InvoiceRowsFrozen',
      'InvoiceIssued',
      'InvoiceRowsFrozen',
      'CreditNoteIssued',
    ]);
    expect(rows.map(({ row, tax }) => [row.billingKind, tax]).sort()).toEqual([
      ['base_fee', '19 % of 50.00 = 9.50'],
      // 0.0456 is rounded up where the remainder is largest: 9.50 + 0.05 + 1.61 = 11.16
      ['droplet_hours', '19 % of 0.24 = 0.0456, booked 0.05'],
      ['requests', '19 % of 8.50 = 1.615, booked 1.61'],
    ]);
  });

  it('explains a draft with its present amounts', async () => {
    const { documents, rows } = await explain(draft, 'draft');
    // 9 × 0.50 = 4.50, and 24 hours of the 4th are off: 0; 19 % of 4.50 = 0.855, so 0.86
    expect(documents).toMatchObject([
      { documentId: draft, number: null, status: 'draft', arithmetic: '4.50 + 0.86 = 5.36' },
    ]);
    expect(rows.map(({ row, arithmetic }) => [row.billingKind, row.chargePeriod.end, arithmetic])).toEqual([
      ['requests', T('2026-04-15'), '(26 − 17) × 0.50 = 4.50'],
    ]);
  });

  it('explains a credit note by number, id and row', async () => {
    const { documents, rows } = await explain('CN-000001', 'issued');
    expect(documents).toMatchObject([
      { number: 'CN-000001', status: 'issued', credits: 'INV-000001', arithmetic: '−2.00 − 0.38 = −2.38' },
    ]);
    // 2.00 in proportion to 50.00, 0.24 and 8.50.
    expect(
      rows
        .map(({ row, arithmetic, events }) => [row.billingKind, row.kind, arithmetic, row.reason, events.at(-1)?.type])
        .sort(),
    ).toEqual([
      ['base_fee', 'credit_note', '−1 × 1.70 = −1.70', 'an outage', 'CreditNoteIssued'],
      ['droplet_hours', 'credit_note', '−1 × 0.01 = −0.01', 'an outage', 'CreditNoteIssued'],
      ['requests', 'credit_note', '−1 × 0.29 = −0.29', 'an outage', 'CreditNoteIssued'],
    ]);
    const id = documents[0]?.documentId ?? '';
    expect((await explain(id, 'issued')).rows).toEqual(rows);
    expect((await explain(rows[0]?.row.rowId ?? '', 'issued')).rows).toHaveLength(1);
    const revenue = await explain('margin:2026-04/USD/t', 'margin');
    expect([...new Set(revenue.revenue.map(({ number }) => number))]).toEqual(['INV-000001', 'CN-000001']);
  });

  it('explains the open and the billed parts of a line, and an open part by its own id', async () => {
    const { items } = await test.ask<{
      items: { lineId: string; parentLineId: string | null; billingKind: string; invoiceId: string | null }[];
    }>('lines', { tenantId: 't', at: T('2026-04-20') });
    const of = items.filter(({ billingKind }) => billingKind === 'requests');
    const root = of.find(({ parentLineId }) => parentLineId === null)?.lineId ?? '';
    const last = of.at(-1)?.lineId ?? '';
    const line = await explain(root, 'issued');
    expect(line.rows.map(({ number, row }) => [number, row.net])).toEqual([
      ['INV-000001', '8.50'],
      ['CN-000001', '-0.29'],
    ]);
    // That of the draft, and what is left of the month.
    expect(line.open?.parts.map(({ period, rows }) => [period.start, rows.map(({ net }) => net)])).toEqual([
      [T('2026-04-10'), ['4.50']],
      [T('2026-04-15'), []],
    ]);
    const part = await explain(last, 'open line');
    expect([part.lineId, part.parts.map(({ partId }) => partId)]).toEqual([root, [last]]);
  });

  it('names the file and row of a reading, a rate and a cost', async () => {
    const versions = async (resource: string) =>
      (await explain(`usage:d/requests/${resource}/${T('2026-04-01')}`, 'usage record')).versions;
    expect(await versions('x1')).toMatchObject([
      {
        quantity: '7',
        isInForce: true,
        file: { file: 'april.csv', row: 1 },
        event: { source: { file: 'april.csv', rows: '1-4' } },
      },
    ]);
    // The second reading of the same day is one of its own.
    expect(
      (await versions('x2')).map(({ quantity, isInForce, sourceId, file }) => [
        quantity,
        isInForce,
        sourceId,
        file?.row,
      ]),
    ).toEqual([
      ['8', true, null, 2],
      ['2', true, '#2', 3],
    ]);
    expect((await explain('rate-VmVCpu/standard/hel1#0', 'event')).event).toMatchObject({
      type: 'RateSet',
      source: { file: 'rates.csv', rows: '2' },
    });
    expect((await explain('margin:2026-04', 'margin')).costs).toMatchObject([
      { costLine: 'do/apr/a', file: { file: 'bill.jsonl', row: 1 } },
    ]);
  });

  it('names the file and row of a corrected reading', async () => {
    const again = await dir.write(
      'again.csv',
      'deploymentId,resourceId,billingKind,start,end,granularity,quantity\nd,x3,requests,2026-04-12T00:00:00Z,2026-04-13T00:00:00Z,day,9\nd,x1,requests,2026-04-01T00:00:00Z,2026-04-02T00:00:00Z,day,6\n',
    );
    expect(await backfilled(test, 'usage', again)).toMatchObject({ duplicate: 1, correction: 1 });
    const { versions } = await explain(`usage:d/requests/x1/${T('2026-04-01')}`, 'usage record');
    expect(versions.map(({ quantity, file }) => [quantity, file?.file, file?.row])).toEqual([
      ['7', 'april.csv', 1],
      ['6', 'again.csv', 2],
    ]);
  });

  it('names the sightings behind a metered reading, and the uses of a sighting', async () => {
    const because = async (day: string) =>
      (await explain(`usage:d/droplet_hours/web/${T(day)}`, 'usage record')).versions.map(({ quantity, metered }) => [
        quantity,
        metered.map(({ stream, revision }) => `${stream}#${revision}`),
      ]);
    expect(await because('2026-04-03')).toEqual([['24', ['inventory-digitalocean#0']]]);
    // Off since noon of the 3rd.
    expect(await because('2026-04-04')).toEqual([['0', ['inventory-digitalocean#1']]]);
    const { usedIn } = await explain('inventory-digitalocean#0', 'event');
    expect(usedIn?.map(({ number, rows }) => [number, rows.map(({ billingKind, net }) => [billingKind, net])])).toEqual(
      [['INV-000001', [['droplet_hours', '0.24']]]],
    );
    expect((await explain('metered-days#0', 'event')).usedIn?.map(({ number }) => number)).toEqual(['INV-000001']);
    // A cost is on no invoice: it is in the margin.
    expect(await explain('cost-do-apr#1', 'event')).toMatchObject({ usedIn: null, margin: ['margin:2026-04/USD'] });
  });
});

it('explains the rows of all invoices in a consolidated one, by its number or id, also to its payer', async () => {
  const ledger = await payerLedger();
  try {
    await issuedOfAll(ledger);
    const [outcome] = await ledger.apply(consolidating());
    const { consolidatedInvoiceId } = (outcome as unknown as { result: { consolidatedInvoiceId: string } }).result;
    interface OfAll {
      readonly is: string;
      readonly documents: readonly {
        readonly number: string;
        readonly tenantId: string;
        readonly arithmetic: string;
      }[];
      readonly rowCount: number;
    }
    const explained = async (id: string) => ledger.ask<OfAll>('explain', { id });
    const { is, documents, rowCount } = await explained('CI-000001');
    // Each has a fee of 30.00 for April and one for May; lab and kiosk 20 % of tax, shop 10 %.
    expect({ is, rowCount }).toEqual({ is: 'issued', rowCount: 6 });
    expect(documents.map(({ number, tenantId, arithmetic }) => [number, tenantId, arithmetic])).toEqual([
      ['INV-000001', 'lab', '60.00 + 12.00 = 72.00'],
      ['INV-000002', 'shop', '60.00 + 6.00 = 66.00'],
      ['INV-000003', 'kiosk', '60.00 + 12.00 = 72.00'],
    ]);
    expect((await explained(consolidatedInvoiceId)).documents).toEqual(documents);
    await expect(explained('CI-000002')).rejects.toMatchObject({ code: 'nothing_to_explain' });
    const toPayer = (await ledger.ledger.ask('explain', { id: 'CI-000001' }, tokenOf('holding'))) as OfAll;
    expect(toPayer).toMatchObject({ rowCount: 6, documents: documents.map((each) => ({ ...each, events: [] })) });
    const lab = tokenOf('lab');
    await expect(ledger.ledger.ask('explain', { id: 'CI-000001' }, lab)).rejects.toMatchObject({
      code: 'nothing_to_explain',
    });
  } finally {
    await ledger.close();
  }
});

describe('explain to a payer', () => {
  const hours = { resourceId: 'web', billingKind: 'hours', granularity: 'day' };
  const period = { start: T('2026-04-02'), end: T('2026-04-03') };
  let ledger: TestLedger;
  const explained = async (who: string, id: string) =>
    (await ledger.ledger.ask('explain', { id }, tokenOf(who))) as Extract<Explained, { is: 'issued' }>;
  beforeAll(async () => {
    ledger = await payerLedger();
    const correctPayer = { command: 'correct-payer', tenantId: 'lab', effectiveFrom: T('2026-03-01') };
    await ledger.apply(
      // Holding pays from the middle of May on: the first invoice is addressed to lab, and the second to holding.
      { ...correctPayer, payerId: null, effectiveUntil: T('2026-05-15'), reason: 'agreed in May' },
      {
        ...{ command: 'observe-usage', deploymentId: 'lab-d' },
        observations: [
          { ...hours, period, quantity: '5' },
          { ...hours, period: { start: T('2026-05-20'), end: T('2026-05-21') }, quantity: '1' },
        ],
      },
    );
    await issued(ledger, 'lab', '2026-05-01');
    await ledger.apply({
      command: 'correct-usage',
      deploymentId: 'lab-d',
      ...hours,
      period,
      quantity: '7',
      reason: 'read again',
    });
    await issued(ledger, 'lab', '2026-06-01');
    await ledger.apply({
      ...{ command: 'create-credit-note', invoiceId: 'INV-000002', at: T('2026-06-02'), amount: '1.00' },
      reason: 'an outage',
    });
  });
  afterAll(async () => ledger.close());

  it('shows the rows of what is addressed to it, with usage and prices and without events', async () => {
    const { documents, rows } = await explained('holding', 'INV-000002');
    // The fee of June: 30.00. An hour of May: 1.00. 7 hours of April instead of 5: −5.00 + 7.00. 20 % of 33.00.
    expect(documents).toMatchObject([{ number: 'INV-000002', arithmetic: '33.00 + 6.60 = 39.60', events: [] }]);
    expect(rows.map(({ row, arithmetic }) => [row.kind, arithmetic]).sort()).toEqual([
      ['charge', '1 × 1.00 = 1.00'],
      ['charge', '1 × 30.00 = 30.00'],
      ['rebooked', '7 × 1.00 = 7.00'],
      ['reversal', '−5 × 1.00 = −5.00'],
    ]);
    const rebooked = rows.find(({ row }) => row.kind === 'rebooked');
    expect(rebooked).toMatchObject({ usage: { quantity: '7', readings: 1 }, because: [], events: [] });
    const { rowId = '', lineId = '' } = rebooked?.row ?? {};
    expect((await explained('holding', rowId)).rows).toEqual([rebooked]);
    const note = await explained('holding', 'CN-000001');
    expect(note.documents).toMatchObject([{ number: 'CN-000001', credits: 'INV-000002', events: [] }]);
    // Of the line, what is on its own invoices; what is open of it is for lab.
    const line = await explained('holding', lineId);
    expect([line.documents.map(({ number }) => number), line.open]).toEqual([['INV-000002', 'CN-000001'], null]);
  });

  it('does not name documents that are addressed to others', async () => {
    const corrects = async (who: string) =>
      (await explained(who, 'INV-000002')).rows.map((row) => row.corrects.map(({ number }) => number)).sort();
    expect(await corrects('lab')).toEqual([[], [], ['INV-000001'], ['INV-000001']]);
    expect(await corrects('holding')).toEqual([[], [], [], []]);
    expect((await explained('lab', 'INV-000001')).rowCount).toBeGreaterThan(0);
    const first = (await explained('lab', 'INV-000001')).rows[0]?.row.rowId ?? '';
    const reading = 'usage:lab-d/hours/web/2026-04-02T00:00:00Z';
    for (const id of ['INV-000001', first, reading]) await expect(explained('holding', id)).rejects.toThrow(id);
    for (const id of ['INV-000001', 'INV-000002', 'CN-000001', reading])
      await expect(explained('shop', id)).rejects.toThrow(id);
  });
});
