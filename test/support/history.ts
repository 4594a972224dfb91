import type { TestLedger } from './ledger.js';
import { deployment, plan, subscription, tenant } from './commands.js';

const T = (date: string) => `${date}T00:00:00Z`;

/**
 * A history with something of everything: splits, late usage, corrections of rates, usage and resources, voids, costs.
 */
export async function history(test: TestLedger): Promise<void> {
  const key = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };
  const reading = (day: string, billingKind: string, quantity: string, more: object = {}) => ({
    command: 'observe-usage',
    deploymentId: 'd1',
    observations: [
      {
        resourceId: 'r',
        billingKind,
        period: { start: T(day), end: `${day}T12:00:00Z` },
        granularity: 'event',
        quantity,
        ...more,
      },
    ],
  });
  const seen = (providerId: string, status: string, seenAt: string, more: object = {}) => ({
    command: 'observe-resource',
    provider: 'digitalocean',
    providerId,
    kind: 'droplet',
    name: providerId,
    status,
    seenAt,
    ...more,
  });
  const create = async (asOf: string, issue = true): Promise<string> => {
    // Only some days are metered.
    const [created] = await test.apply({
      ...{ command: 'create-invoice', tenantId: 't1', asOf: T(asOf), unmetered: 'bill' },
    });
    const invoiceId =
      (created as unknown as { result: { invoices: { invoiceId: string }[] } }).result.invoices[0]?.invoiceId ?? '';
    if (issue) await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
    return invoiceId;
  };
  await test.apply(
    tenant('t1', { tax: { name: 'VAT', ratePercent: '21', from: T('2026-01-01') } }),
    tenant('t2'),
    deployment('d1', 't1'),
    plan('p', '10', [
      { billingKind: 'droplet_hours', included: '100', price: { model: 'unit', unitAmount: '0.01' } },
      { billingKind: 'requests', price: { model: 'package', packageSize: '7', packageAmount: '3.33' } },
      { billingKind: 'vm', price: { model: 'rate_card' } },
    ]),
    subscription('s1', 'd1', 'p'),
    { command: 'set-rate', ...key, unitPrice: '0.3', effectiveFrom: T('2026-01-01') },
    seen('a', 'active', T('2026-04-01'), { deploymentId: 'd1' }),
    seen('b', 'active', T('2026-04-02'), { deploymentId: 'd1' }),
    ...['01', '02', '03', '04'].map((day) => ({ command: 'run-metering', date: `2026-04-${day}` })),
    reading('2026-04-02', 'requests', '10'),
    reading('2026-04-02', 'vm', '40', { rateKey: key }),
    reading('2026-04-02', 'vm', '40', { rateKey: key, provider: 'ubicloud' }),
    {
      command: 'correct-usage',
      deploymentId: 'd1',
      resourceId: 'a',
      billingKind: 'droplet_hours',
      period: { start: T('2026-04-01'), end: T('2026-04-02') },
      granularity: 'day',
      quantity: null,
      reason: 'it was not ours yet',
    },
  );
  await test.apply(
    { command: 'set-grace-period', tenantId: 't1', hours: 24, from: T('2026-01-01') },
    {
      command: 'grant-coupon',
      creditId: 'spring',
      tenantId: 't1',
      currency: 'USD',
      percent: '10',
      from: T('2026-04-01'),
      until: T('2026-05-01'),
    },
    {
      command: 'grant-credit',
      creditId: 'welcome',
      tenantId: 't1',
      currency: 'USD',
      amount: '5',
      from: T('2026-04-01'),
    },
    {
      command: 'waive-usage',
      deploymentId: 'd1',
      billingKind: 'requests',
      period: { start: T('2026-03-01'), end: T('2026-04-01') },
      reason: 'a test',
    },
  );
  const first = await create('2026-04-05');
  await test.apply(
    reading('2026-04-03', 'requests', '9'),
    seen('b', 'off', '2026-04-03T06:00:00Z'),
    { command: 'sync-resources', provider: 'digitalocean', seenAt: T('2026-04-05'), resources: [] },
    { command: 'run-metering', date: '2026-04-04' },
    {
      command: 'correct-rate',
      ...key,
      unitPrice: '0.03',
      effectiveFrom: T('2026-04-01'),
      reason: 'ten times too high',
    },
    {
      command: 'correct-resource',
      provider: 'digitalocean',
      providerId: 'a',
      from: T('2026-04-02'),
      until: T('2026-04-03'),
      status: 'off',
      reason: 'was off',
    },
    { command: 'run-metering', date: '2026-04-02' },
  );
  await create('2026-04-08');
  await test.apply(
    { command: 'create-credit-note', invoiceId: first, at: T('2026-04-09'), amount: '1.00', reason: 'an outage' },
    {
      command: 'revoke-credit',
      creditId: 'welcome',
      tenantId: 't1',
      currency: 'USD',
      at: T('2026-04-09'),
      reason: 'granted by mistake',
    },
  );
  const wrong = await create('2026-04-09', false);
  if (wrong !== '') await test.apply({ command: 'void-invoice', invoiceId: wrong, at: T('2026-04-09') });
  await test.apply(
    { command: 'assign-deployment', deploymentId: 'd1', tenantId: 't2', from: T('2026-04-20') },
    {
      command: 'record-cost',
      provider: 'digitalocean',
      invoiceRef: 'x',
      lines: [
        {
          lineKey: '1',
          resourceId: 'a',
          kind: 'droplet',
          chargePeriod: { start: T('2026-04-01'), end: T('2026-05-01') },
          amount: '6.000000001',
          currency: 'USD',
          category: 'usage',
        },
      ],
    },
    { command: 'cancel-subscription', subscriptionId: 's1', at: T('2026-04-25') },
  );
  await create('2026-05-01');
}
