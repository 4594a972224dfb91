import { describe, expect, it } from '@jest/globals';
import type { CommandOutcome } from '#ledger/command';
import { LedgerCore } from '#ledger/ledger-core';
import { ADMIN, LOGS, type TestLedger, testLedger } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

// Commands that follow each other fast: what is not projected yet, and what is carried out at once, is as if each had
// waited for the last.

const T = (day: string) => `2026-04-${day}T00:00:00Z`;
const tenant = (tenantId: string, currency = 'USD') => ({
  command: 'register-tenant',
  tenantId,
  name: tenantId,
  currency,
});
const deployment = (deploymentId: string, tenantId: string) => ({
  command: 'register-deployment',
  deploymentId,
  tenantId,
  name: deploymentId,
  from: T('01'),
});
const started = (subscriptionId: string, deploymentId: string) => ({
  command: 'start-subscription',
  subscriptionId,
  deploymentId,
  planId: 'p',
  from: T('01'),
});
const reading = (day: string, quantity: string, more: object = {}) => ({
  resourceId: 'r',
  billingKind: 'requests',
  period: { start: T(day), end: `2026-04-${day}T01:00:00Z` },
  granularity: 'hour',
  quantity,
  ...more,
});
const usage = (deploymentId: string, ...observations: object[]) => ({
  command: 'observe-usage',
  deploymentId,
  observations,
});
const corrected = (day: string, quantity: string | null, more: object = {}) => ({
  command: 'correct-usage',
  deploymentId: 'd',
  ...reading(day, ''),
  quantity,
  reason: 'misread',
  ...more,
});
const seen = (providerId: string, day: string, more: object = {}) => ({
  command: 'observe-resource',
  provider: 'do',
  providerId,
  kind: 'droplet',
  name: providerId,
  status: 'active',
  seenAt: T(day),
  ...more,
});
const rate = (location: string, unitPrice: string) => ({
  command: 'set-rate',
  resourceType: 'VmCores',
  resourceFamily: 'standard',
  location,
  unitPrice,
  effectiveFrom: T('01'),
});

const COMMANDS: readonly unknown[] = [
  {
    command: 'publish-plan',
    planId: 'p',
    name: 'p',
    currency: 'USD',
    baseFee: '0',
    paymentTerm: 'in_arrears',
    effectiveFrom: T('01'),
    items: [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.01' } }],
  },
  tenant('t'),
  tenant('u'),
  tenant('t'),
  tenant('u', 'EUR'),
  deployment('d', 't'),
  deployment('e', 'u'),
  deployment('f', 'nobody'),
  started('s', 'd'),
  started('s', 'e'),
  started('s', 'd'),
  usage('d', reading('01', '1')),
  usage('e', reading('01', '1')),
  usage('d', reading('02', '2')),
  // Known, contradicting, and both next to a new one.
  usage('d', reading('01', '1')),
  usage('d', reading('01', '5')),
  usage('d', reading('02', '2'), reading('03', '3')),
  usage('d', reading('03', '3', { provider: 'do' })),
  usage('d', reading('04', '4'), reading('04', '5')),
  // Corrected, observed again as at first, withdrawn, and observed again.
  corrected('01', '7'),
  usage('d', reading('01', '1')),
  corrected('02', null),
  usage('d', reading('02', '2')),
  usage('d', reading('02', '3')),
  corrected('05', '7'),
  // Keys: the same again, with another body, of another command.
  { ...usage('d', reading('06', '6')), idempotencyKey: 'k1' },
  { ...usage('d', reading('06', '6')), idempotencyKey: 'k1' },
  { ...usage('d', reading('07', '6')), idempotencyKey: 'k1' },
  { ...tenant('v'), idempotencyKey: 'k1' },
  { ...corrected('06', '8'), idempotencyKey: 'k2' },
  { ...corrected('06', '9'), idempotencyKey: 'k2' },
  { ...corrected('06', '8'), idempotencyKey: 'k3' },
  // Resources, whose second sighting leaves out what the first said; and a listing that misses one.
  seen('1', '01', { deploymentId: 'd', sizeGb: '10' }),
  seen('2', '01', { deploymentId: 'e' }),
  seen('1', '02'),
  seen('1', '02', { name: 'other' }),
  {
    command: 'sync-resources',
    provider: 'do',
    seenAt: T('03'),
    resources: [{ providerId: '1', kind: 'droplet', name: '1', status: 'active' }],
  },
  seen('2', '04'),
  { command: 'remove-resource', provider: 'do', providerId: '2', at: T('05') },
  { command: 'remove-resource', provider: 'do', providerId: '3', at: T('05') },
  rate('eu', '1'),
  rate('us', '2'),
  rate('eu', '1'),
  rate('us', '3'),
  { command: 'run-metering', date: '2026-04-02' },
  { command: 'create-invoice', tenantId: 't', asOf: T('05') },
  usage('d', reading('08', '8')),
  { command: 'create-invoice', tenantId: 't', asOf: T('09') },
  // As a person enters tenants, one after the other, each command with a key. Some come twice, and one key of another.
  ...['w', 'x', 'y'].flatMap((name) =>
    [
      tenant(name),
      deployment(name, name),
      started(name, name),
      usage(name, reading('01', '1')),
      tenant(name),
      usage(name, reading('02', '1')),
      started(name, 'd'),
      seen(name, '06', { deploymentId: name }),
      seen(name, '07', { deploymentId: name }),
      started(`other ${name}`, name),
    ].map((command, index) => ({ ...command, idempotencyKey: `${name} ${index % 9}` })),
  ),
  'no command',
  { command: 'cancel-subscription', subscriptionId: 's', at: T('20') },
  { command: 'cancel-subscription', subscriptionId: 'x', at: T('20') },
];

async function logOf(test: TestLedger): Promise<string[]> {
  const events: string[] = [];
  for await (const { stream, revision, type } of test.app.get(LedgerCore).log.readAll(0))
    events.push(`${stream} ${revision} ${type}`);
  return events;
}

/** Each waits until the one before it is projected. */
async function oneByOne(): Promise<{ outcomes: CommandOutcome[]; log: string[] }> {
  const test = await testLedger();
  try {
    const outcomes: CommandOutcome[] = [];
    for (const command of COMMANDS) {
      outcomes.push(await test.ledger.execute(command, ADMIN));
      await test.ledger.catchUp();
    }
    return { outcomes, log: await logOf(test) };
  } finally {
    await test.close();
  }
}

describe.each(LOGS)('commands in order, on %s', (name, open) => {
  it('have the same result as one after the other', async () => {
    const expected = await oneByOne();
    const test = await open();
    try {
      const outcomes: CommandOutcome[] = [];
      for await (const outcome of test.ledger.executeInOrder(COMMANDS, ADMIN)) outcomes.push(outcome);
      const isExact = name === 'Postgres';
      // EventStoreDB orders what is appended at once as it comes.
      const positionless = ({ position: _position, ...outcome }: CommandOutcome & { position?: number }) => outcome;
      expect(outcomes.map((outcome) => (isExact ? outcome : positionless(outcome)))).toEqual(
        expected.outcomes.map((outcome) => (isExact ? outcome : positionless(outcome))),
      );
      const log = await logOf(test);
      expect(isExact ? log : log.sort()).toEqual(isExact ? expected.log : expected.log.sort());
      await test.ledger.catchUp();
      if (isExact) await expectReplayToBeLive(test.url);
    } finally {
      await test.close();
    }
  });
});

describe('many small commands', () => {
  it('with keys need no second connection for their locks within work that holds one', async () => {
    const test = await testLedger();
    try {
      const core = test.app.get(LedgerCore);
      // There are seven connections for locks: with one more for each list, none would ever go on.
      const lists = Array.from({ length: 7 }, (_, n) => [{ ...tenant(`t${n}`), idempotencyKey: `key ${n}` }]);
      const started = Promise.withResolvers<void>();
      let holders = 0;
      const outcomes = await Promise.all(
        lists.map(async (list, n) =>
          core.exclusively(`a file ${n}`, async () => {
            holders += 1;
            if (holders === lists.length) started.resolve();
            await started.promise;
            return Array.fromAsync(test.ledger.executeInOrder(list, ADMIN));
          }),
        ),
      );
      expect(outcomes.flat().map(({ status }) => status)).toEqual(lists.map(() => 'done'));
    } finally {
      await test.close();
    }
  });

  it('do not let expensive work wait without end while they have all connections for locks', async () => {
    const test = await testLedger();
    try {
      const core = test.app.get(LedgerCore);
      const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let holders = 0;
      const holding = Array.from({ length: 7 }, async (_, n) =>
        core.exclusively(`a file ${n}`, async () => {
          holders += 1;
          if (holders === 7) begun.resolve();
          await end.promise;
        }),
      );
      await begun.promise;
      expect(await core.takeFree([['expensive work 1']])).toBe(null);
      end.resolve();
      await Promise.all(holding);
      // The connection that came too late is free again.
      const taken = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(async (n) => core.takeFree([[`work ${n}`]])));
      for (const giveBack of taken) await giveBack?.();
      expect(taken).not.toContain(null);
    } finally {
      await test.close();
    }
  });

  it('with keys are recorded once, also if several lists of them are sent at the same time', async () => {
    const test = await testLedger();
    try {
      await test.apply(COMMANDS[0] ?? {});
      const commands = Array.from({ length: 20 }, (_, n) =>
        [tenant(`t${n}`), deployment(`d${n}`, `t${n}`), started(`s${n}`, `d${n}`)].map((command, step) => ({
          ...{ ...command, idempotencyKey: `key ${n} ${step}` },
        })),
      );
      // The last list has the tenants from last to first: the locks of the lists are taken in one order all the same.
      const lists = [commands, commands, commands.toReversed()].map((list) => list.flat());
      const outcomes = await Promise.all(
        lists.map(async (list) => Array.fromAsync(test.ledger.executeInOrder(list, ADMIN))),
      );
      const statuses = outcomes.flat().map(({ status }) => status);
      expect(statuses.filter((status) => status === 'done')).toHaveLength(60);
      expect(statuses.filter((status) => status === 'unchanged')).toHaveLength(120);
    } finally {
      await test.close();
    }
  });

  it('are in the log in the order of the file, also if many are executed in parallel', async () => {
    const test = await testLedger();
    try {
      const names = Array.from({ length: 100 }, (_, index) => `t${index}`);
      const positions: number[] = [];
      for await (const outcome of test.ledger.executeInOrder(
        names.map((id) => tenant(id)),
        ADMIN,
      ))
        if (outcome.status === 'done') positions.push(outcome.position ?? 0);
      expect(positions).toEqual(names.map((_, index) => index + 1));
    } finally {
      await test.close();
    }
  });
});
