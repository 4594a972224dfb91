import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Audit } from '#audit/audit';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// April has 30 days, 2592000 s. The subscription is cancelled after 8 of them, 691200 s.

let test: TestLedger;
const T = (date: string) => `${date}T00:00:00Z`;
beforeAll(async () => {
  test = await testLedger();
  const item = (billingKind: string, minimum: string) => ({
    billingKind,
    price: { model: 'unit', unitAmount: '0.40' },
    commitments: { minimum },
  });
  const items = [item('requests', '20.00')];
  const reading = (deploymentId: string) => ({
    command: 'observe-usage',
    deploymentId,
    observations: [
      {
        ...{ resourceId: 'r', billingKind: 'requests', quantity: '3', granularity: 'day' },
        period: { start: T('2026-04-02'), end: T('2026-04-03') },
      },
    ],
  });
  await test.apply(
    plan('p', '30.00', items, { paymentTerm: 'in_arrears' }),
    plan('whole', '10.00', [], { paymentTerm: 'in_arrears' }),
    plan('uneven', '27.33', [], { paymentTerm: 'in_arrears' }),
    plan('half', '15.00', [], { paymentTerm: 'in_arrears' }),
    tenant('part'),
    deployment('d', 'part'),
    subscription('s', 'd', 'p'),
    reading('d'),
    tenant('whole'),
    deployment('e', 'whole'),
    subscription('w', 'e', 'p'),
    reading('e'),
    tenant('odd'),
    deployment('f', 'odd'),
    subscription('o', 'f', 'uneven'),
    tenant('third'),
    deployment('g', 'third'),
    subscription('q', 'g', 'whole', { from: T('2026-04-11') }),
    tenant('hours'),
    deployment('h', 'hours'),
    subscription('r', 'h', 'p'),
    tenant('pieces'),
    deployment('i', 'pieces'),
    subscription('t', 'i', 'p'),
    { command: 'change-plan', subscriptionId: 't', planId: 'half', at: T('2026-04-11') },
    { command: 'cancel-subscription', subscriptionId: 'q', at: T('2026-04-21') },
    { command: 'cancel-subscription', subscriptionId: 'r', at: '2026-04-28T08:00:00Z' },
    { command: 'cancel-subscription', subscriptionId: 's', at: T('2026-04-09') },
    { command: 'cancel-subscription', subscriptionId: 'o', at: T('2026-04-09') },
  );
});
afterAll(async () => test.close());

interface Explained {
  readonly rows: readonly { readonly row: { readonly ref: string }; readonly arithmetic: string }[];
}
interface Shown {
  readonly lines: readonly {
    readonly rows: readonly { readonly ref: string; readonly arithmetic?: string }[];
  }[];
}

/** The id of the invoice of April of a tenant, as a draft. */
async function drafted(tenantId: string): Promise<string> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T('2026-05-01') });
  const { result } = created as unknown as { result: { invoices: { invoiceId: string }[] } };
  return result.invoices[0]?.invoiceId ?? '';
}

const shownOn = ({ lines }: Shown): Record<string, string | undefined> =>
  Object.fromEntries(lines.flatMap(({ rows }) => rows).map(({ ref, arithmetic }) => [ref, arithmetic]));

/** The arithmetic of each row of the invoice of a tenant, by reference: explained, on the invoice, and as HTML. */
async function arithmeticOf(tenantId: string) {
  const preview = shownOn(await test.ask<Shown>('invoice-preview', { tenantId, at: T('2026-05-01') }));
  const id = await drafted(tenantId);
  const draft = shownOn(await test.ask<Shown>('invoice', { id }));
  await test.apply({ command: 'issue-invoice', invoiceId: id, at: T('2026-05-01') });
  const { rows } = await test.ask<Explained>('explain', { id });
  const invoice = shownOn(await test.ask<Shown>('invoice', { id }));
  // A share is shown alike before the invoice is issued and after it.
  expect(preview).toEqual(invoice);
  expect(draft).toEqual(invoice);
  const document = await test.ask<string>('invoice-document', { id });
  return { explained: Object.fromEntries(rows.map(({ row, arithmetic }) => [row.ref, arithmetic])), invoice, document };
}

describe('the arithmetic of a share', () => {
  it('is amount × seconds ÷ seconds, less what was booked', async () => {
    const { explained, invoice, document } = await arithmeticOf('part');
    // 30.00 × 8 ÷ 30 = 8.00. Minimum: 20.00 × 8 ÷ 30 = 5.33, of which 3 × 0.40 = 1.20 was booked: 4.13.
    const shares = {
      flat: '30.00 × 691,200 s ÷ 2,592,000 s − 0.00 booked = 8.00',
      'minimum-commitment': '20.00 × 691,200 s ÷ 2,592,000 s − 1.20 booked = 4.13',
    };
    expect(explained).toEqual({ ...shares, usage: '3 × 0.40 = 1.20' });
    expect(invoice).toEqual({ ...shares, usage: undefined });
    for (const [name, share] of [
      ['Flat amount', shares.flat],
      ['Minimum commitment', shares['minimum-commitment']],
    ])
      expect(document).toContain(`<td>${name} <span class="quiet">· ${share}</span></td>`);
    expect(document).toContain('the whole amount × the seconds (s) charged ÷ the seconds of the billing period');
  });

  it('is of hours as well as of days', async () => {
    // 27 days and 8 hours are 2,361,600 s: 30.00 × 27.3333 ÷ 30 = 27.33
    expect((await arithmeticOf('hours')).invoice).toMatchObject({
      flat: '30.00 × 2,361,600 s ÷ 2,592,000 s − 0.00 booked = 27.33',
    });
  });

  it('is rounded to the amount of the row', async () => {
    // 27.33 × 8 ÷ 30 = 7.288
    const flat = '27.33 × 691,200 s ÷ 2,592,000 s − 0.00 booked = 7.29';
    expect(await arithmeticOf('odd')).toMatchObject({ explained: { flat }, invoice: { flat } });
  });

  it('says so where the shares of a period are rounded together', async () => {
    // From 11 to 21 April: 10.00 × 20 ÷ 30 = 6.67, less 10.00 × 10 ÷ 30 = 3.33, is 3.34.
    const flat = '10.00 × 864,000 s ÷ 2,592,000 s − 0.00 booked = 3.333333, rounded over the whole period to 3.34';
    expect(await arithmeticOf('third')).toMatchObject({ explained: { flat }, invoice: { flat } });
  });

  it('is of each piece where pieces of the same amount are one row', async () => {
    // 30.00 for 10 of 30 days are 10.00, and so are 15.00 for 20 of them. The row is 2 × 10.00.
    const flat = '30.00 × 864,000 s ÷ 2,592,000 s + 15.00 × 1,728,000 s ÷ 2,592,000 s − 0.00 booked = 20.00';
    expect(await arithmeticOf('pieces')).toMatchObject({ explained: { flat }, invoice: { flat } });
  });

  it('is not shown of a whole period, where only the minimum less what was booked is left', async () => {
    const { explained, invoice, document } = await arithmeticOf('whole');
    // 20.00 − 1.20 = 18.80
    const minimum = { 'minimum-commitment': '20.00 − 1.20 booked = 18.80' };
    expect(explained).toEqual({ ...minimum, flat: '1 × 30.00 = 30.00', usage: '3 × 0.40 = 1.20' });
    expect(invoice).toEqual({ ...minimum, flat: undefined, usage: undefined });
    expect(document).toContain('<td>Flat amount</td>');
  });

  it('is in no frozen row, so that invoices of earlier versions stay as they are', async () => {
    const { rows } = await test.core.pool.query<{ row: object }>('SELECT row FROM invoice_rows');
    expect(rows.length).toBeGreaterThan(0);
    for (const { row } of rows) expect(row).not.toHaveProperty('arithmetic');
    expect(await test.app.get(Audit).reissue('INV-000001', ADMIN)).toMatchObject({ ok: true, differences: [] });
    expect((await test.check()).failures).toEqual([]);
  });
});

describe('the correction of a fee in advance by an invoice of an earlier instant', () => {
  it('has the arithmetic and the filter of its line, which begins later', async () => {
    const support = {
      ...{ billingKind: 'support', filter: { level: 'gold' } },
      price: { model: 'flat', amount: '5.00', paymentTerm: 'in_advance' },
    };
    await test.apply(
      plan('ahead', '30.00', [support]),
      tenant('early'),
      deployment('z', 'early'),
      subscription('y', 'z', 'ahead'),
    );
    await test.apply({ command: 'issue-invoice', invoiceId: await drafted('early'), at: T('2026-05-01') });
    await test.apply(
      { command: 'cancel-subscription', subscriptionId: 'y', at: T('2026-05-09') },
      {
        command: 'correct-plan',
        ...{ planId: 'ahead', effectiveFrom: T('2026-05-01'), reason: 'as agreed' },
        items: [{ ...support, price: { ...support.price, amount: '4.00' } }],
      },
    );
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 'early', asOf: T('2026-04-15') });
    const { result } = created as unknown as { result: { invoices: { invoiceId: string }[] } };
    const { lines } = await test.ask<{
      lines: readonly { readonly filter: object | null; readonly rows: readonly object[] }[];
    }>('invoice', { id: result.invoices[0]?.invoiceId });
    // May was billed whole, 30.00. It ended after 8 of 31 days: 30.00 × 8 ÷ 31 = 7.74.
    expect(lines).toMatchObject([
      {
        filter: null,
        rows: [
          { kind: 'reversal', net: '-30.00' },
          { kind: 'rebooked', arithmetic: '30.00 × 691,200 s ÷ 2,678,400 s − 0.00 booked = 7.74', net: '7.74' },
        ],
      },
      { filter: { level: 'gold' }, rows: [{ net: '-5.00' }, { net: '4.00' }] },
    ]);
    const explained = await test.ask<{ rows: readonly object[] }>('explain', { id: result.invoices[0]?.invoiceId });
    expect(explained.rows).toMatchObject([
      { filter: null, row: { net: '-30.00' } },
      { filter: null, row: { net: '7.74' } },
      { filter: { level: 'gold' }, row: { net: '-5.00' } },
      { filter: { level: 'gold' }, row: { net: '4.00' } },
    ]);
  });
});
