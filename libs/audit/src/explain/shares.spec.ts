import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deployment, plan, subscription, tenant } from '../../../../test/support/commands.js';
import { type TestLedger, testLedger } from '../../../../test/support/ledger.js';

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
    plan('uneven', '27.33', [], { paymentTerm: 'in_arrears' }),
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
    { command: 'cancel-subscription', subscriptionId: 's', at: T('2026-04-09') },
    { command: 'cancel-subscription', subscriptionId: 'o', at: T('2026-04-09') },
  );
});
afterAll(async () => test.close());

/** The arithmetic of each row of the first invoice of a tenant, by reference. */
async function arithmeticOf(tenantId: string): Promise<Record<string, string>> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T('2026-05-01') });
  const { result } = created as unknown as { result: { invoices: { invoiceId: string }[] } };
  const invoiceId = result.invoices[0]?.invoiceId ?? '';
  await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-05-01') });
  const { rows } = await test.ask<{ rows: { row: { ref: string }; arithmetic: string }[] }>('explain', {
    id: invoiceId,
  });
  return Object.fromEntries(rows.map(({ row, arithmetic }) => [row.ref, arithmetic]));
}

describe('the arithmetic of a share', () => {
  it('is amount × seconds ÷ seconds, and of a minimum less what was booked', async () => {
    // 30.00 × 8 ÷ 30 = 8.00. Minimum: 20.00 × 8 ÷ 30 = 5.33, of which 3 × 0.40 = 1.20 was booked: 4.13.
    expect(await arithmeticOf('part')).toEqual({
      flat: '30.00 × 691200 s ÷ 2592000 s = 8.00',
      usage: '3 × 0.40 = 1.20',
      'minimum-commitment': '20.00 × 691200 s ÷ 2592000 s − 1.20 = 4.133333, booked 4.13',
    });
  });

  it('names the rounding', async () => {
    // 27.33 × 8 ÷ 30 = 7.288
    expect(await arithmeticOf('odd')).toEqual({ flat: '27.33 × 691200 s ÷ 2592000 s = 7.288, booked 7.29' });
  });

  it('is not shown of a whole period, where only the minimum less what was booked is left', async () => {
    // 20.00 − 1.20 = 18.80
    expect(await arithmeticOf('whole')).toEqual({
      flat: '1 × 30.00 = 30.00',
      usage: '3 × 0.40 = 1.20',
      'minimum-commitment': '20.00 − 1.20 = 18.80',
    });
  });
});
