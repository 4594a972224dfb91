import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { keepNext } from '#billing/costs/keep-months';
import { deployment, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

/** What resources cost while they were off or in no deployment: a row of its own, to the second. */

const T = (date: string) => `${date}T00:00:00Z`;
const APRIL = { start: T('2026-04-01'), end: T('2026-05-01') };

interface Units {
  readonly overall: { readonly cogs: string };
  readonly byKind: readonly { readonly billingKind: string; readonly cogs: string }[];
  readonly unmapped: { readonly cogs: string };
  readonly idle: {
    readonly cogs: string;
    readonly directCogs: string;
    readonly sharedCogs: string;
    readonly parts: readonly { readonly kind: string; readonly reason: string; readonly cogs: string }[];
  };
  readonly unattributed: { readonly cogs: string };
}

const seen = (providerId: string, more: object) => ({
  ...{ command: 'observe-resource', provider: 'aws', providerId, kind: 'droplet', name: providerId, status: 'active' },
  ...{ seenAt: APRIL.start, ...more },
});
const line = (lineKey: string, amount: string, resourceId: string | undefined, more: object = {}) => ({
  ...{ lineKey, kind: 'droplet', chargePeriod: APRIL, amount, currency: 'USD', category: 'usage', resourceId, ...more },
});

let test: TestLedger;
beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    tenant('a'),
    deployment('a1', 'a'),
    // Off from noon of 11 April on, and in no deployment from 21 April on.
    seen('vm-1', { deploymentId: 'a1' }),
    seen('vm-1', { deploymentId: 'a1', status: 'off', seenAt: '2026-04-11T12:00:00Z' }),
    {
      ...{ command: 'correct-resource', provider: 'aws', providerId: 'vm-1', from: T('2026-04-21') },
      ...{ deploymentId: null, reason: 'taken out' },
    },
    seen('busy', { deploymentId: 'a1' }),
    seen('balancer', { kind: 'load_balancer', tenantId: 'a' }),
    {
      ...{ command: 'record-cost', provider: 'aws', invoiceRef: '2026-04' },
      lines: [
        // 1.00 a day.
        line('1', '30.00', 'vm-1'),
        line('2', '12.00', 'busy'),
        // A resource of a tenant, in no deployment: nobody is billed for it.
        line('3', '6.00', 'balancer', { kind: 'load_balancer' }),
        line('4', '5.00', undefined, { kind: 'support' }),
        // Never seen.
        line('5', '3.00', 'unknown'),
      ],
    },
  );
});
afterAll(async () => {
  expect((await test.check()).failures).toEqual([]);
  await test.close();
});

const head = async (): Promise<string> => String(await test.ledger.catchUp());
const unitsOf = async (params: object = {}): Promise<Units> =>
  test.ask<Units>('margin-units', { from: '2026-04', to: '2026-04', ...params });
/** Without deployments, it is the same but for them. */
async function marginOf() {
  const margin = await test.ask<Pick<Units, 'idle' | 'overall' | 'unattributed'>>('margin', { period: '2026-04' });
  expect(await test.ask('margin', { period: '2026-04', withoutDeployments: 'true' })).toEqual({
    ...{ ...margin, byDeployment: [] },
  });
  return margin;
}
const shown = ({ byKind, idle, unmapped, unattributed }: Units) => ({
  busy: byKind.find(({ billingKind }) => billingKind === 'droplet_hours')?.cogs,
  ...Object.fromEntries(idle.parts.map(({ kind, reason, cogs }) => [`${kind} ${reason}`, cogs])),
  ...{ idle: idle.cogs, unmapped: unmapped.cogs, unattributed: unattributed.cogs },
});
/** What does not change below. */
const REST = { 'load_balancer unsold': '6.00', unmapped: '0.00', unattributed: '8.00' };

let beforeMetering = '';

it('is by the inventory where nothing was metered', async () => {
  beforeMetering = await head();
  // 10.5 days active; off for 9.5; unsold for 10. The other droplet costs 12.00.
  expect(shown(await unitsOf())).toEqual({
    ...{ ...REST, busy: '22.50', 'droplet off': '9.50', 'droplet unsold': '10.00', idle: '25.50' },
  });
});

it('is by what was metered else: a day that was sold is not idle, a reading of 0 is', async () => {
  // Active at its start: 24 hours are sold of the 11th. The 12th has a reading of 0.
  for (const date of ['2026-04-11', '2026-04-12']) await test.apply({ command: 'run-metering', date });
  const metered = { ...REST, busy: '23.00', 'droplet off': '9.00', 'droplet unsold': '10.00', idle: '25.00' };
  expect(shown(await unitsOf())).toEqual(metered);
  const before = await head();
  // Of the other one a person says that it was not used on the 11th: 12.00 / 30 = 0.40.
  await test.apply({
    ...{ command: 'correct-usage', deploymentId: 'a1', provider: 'aws', resourceId: 'busy', quantity: '0' },
    ...{ billingKind: 'droplet_hours', granularity: 'day', reason: 'it was down' },
    period: { start: T('2026-04-11'), end: T('2026-04-12') },
  });
  expect(shown(await unitsOf())).toEqual({ ...metered, busy: '22.60', 'droplet off': '9.40', idle: '25.40' });
  expect(shown(await unitsOf({ asOf: before }))).toEqual(metered);
  expect(shown(await unitsOf({ asOf: beforeMetering }))).toMatchObject({ idle: '25.50' });
});

it('is not by events of 0; other events count for the hours that they are in', async () => {
  const before = shown(await unitsOf());
  const event = (start: string, end: string, quantity: string) => ({
    ...{ resourceId: 'balancer', billingKind: 'requests', granularity: 'event', quantity, sourceId: start },
    period: { start: `2026-04-05T${start}Z`, end: `2026-04-05T${end}Z` },
  });
  const asOf = await head();
  await test.apply({
    ...{ command: 'observe-usage', deploymentId: 'a1' },
    observations: [
      event('00:10:00', '12:00:00', '7'),
      event('12:30:00', '23:50:00', '7'),
      event('23:55:00', '23:56:00', '0'),
    ],
  });
  // All of the 5th: 6.00 / 30 = 0.20 are no longer unsold. The kind is not mapped, and a bears it.
  const used = { ...before, 'load_balancer unsold': '5.80', unmapped: '0.20', idle: '25.20' };
  expect(shown(await unitsOf())).toEqual(used);
  expect(shown(await unitsOf({ asOf }))).toEqual(before);
});

it('changes no total of the margin, also of months that are kept', async () => {
  const units = await unitsOf();
  while (!(await keepNext(test.core)).isDone);
  expect(await unitsOf()).toEqual(units);
  const { overall, unattributed, idle } = await marginOf();
  expect(units.overall).toEqual(overall);
  // 8.00, and 10.00 of the idle droplet: the margin says who bears it.
  expect(unattributed.cogs).toBe('18.00');
  // In a row of its own, too: 9.40 were off in a1, 5.80 of the balancer are of a without a deployment.
  expect(idle).toEqual({
    ...units.idle,
    ...{ cogs: '25.20', directCogs: '25.20', sharedCogs: '0.00' },
    byHolder: [
      { tenantId: 'a', deploymentId: 'a1', cogs: '9.40' },
      { tenantId: 'a', deploymentId: null, cogs: '5.80' },
      { tenantId: null, deploymentId: null, cogs: '10.00' },
    ],
  });
});

it('stands in its row also if a policy shares it', async () => {
  await test.apply({
    ...{ command: 'set-cost-sharing', policyId: 'rest', costs: { unattributed: true }, method: 'even' },
    ...{ effectiveFrom: APRIL.start },
  });
  const { idle, overall } = await unitsOf();
  expect(idle).toMatchObject({ cogs: '25.20', directCogs: '15.20', sharedCogs: '10.00' });
  expect(overall.cogs).toBe('56.00');
  // What is shared is of no holder.
  expect((await marginOf()).idle).toEqual({
    ...idle,
    byHolder: [
      { tenantId: 'a', deploymentId: 'a1', cogs: '9.40' },
      { tenantId: 'a', deploymentId: null, cogs: '5.80' },
    ],
  });
});
