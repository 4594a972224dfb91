import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** What was observed, corrected and metered, again and in any order: each is counted once, and what a person said stays. */

const T = (date: string) => `${date}T00:00:00Z`;
const DAY = { start: T('2026-04-02'), end: T('2026-04-03') };
const KEY = { resourceId: 'r1', billingKind: 'requests', period: DAY, granularity: 'day' };
const RATE = { resourceType: 'a', resourceFamily: 'b', location: 'c' };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    { command: 'register-tenant', tenantId: 't1', name: 'One', currency: 'USD' },
    { command: 'register-deployment', deploymentId: 'd1', tenantId: 't1', name: 'd1', from: T('2026-04-01') },
    { command: 'register-deployment', deploymentId: 'd2', tenantId: 't1', name: 'd2', from: T('2026-04-01') },
  );
});
afterEach(async () => test.close());

const observe = (quantity: string, more: object = {}) => ({ command: 'observe-usage', deploymentId: 'd1', observations: [{ ...KEY, quantity, ...more }] });
const correct = (quantity: string | null, more: object = {}) => ({ command: 'correct-usage', deploymentId: 'd1', ...KEY, quantity, reason: 'the meter was wrong', ...more });
const execute = async (command: object) => {
  const outcome = await test.ledger.execute(command, ADMIN);
  return outcome.status === 'refused' ? [outcome.error.code, outcome.error.message] : [outcome.status];
};
interface Found {
  readonly deploymentId: string;
  readonly resourceId: string;
  readonly quantity: string;
}
const records = async (): Promise<string[][]> =>
  (await test.ask<{ items: Found[] }>('usage-records')).items.map(({ deploymentId, resourceId, quantity }) => [deploymentId, resourceId, quantity]);

describe('an observation again', () => {
  it('is unchanged after it was corrected to another quantity', async () => {
    await test.apply(observe('5'), correct('7'));
    expect(await execute(observe('5'))).toEqual(['unchanged']);
    // and so is one that says what is true now
    expect(await execute(observe('7'))).toEqual(['unchanged']);
    expect(await records()).toEqual([['d1', 'r1', '7']]);
  });

  it('is unchanged after it was withdrawn, and does not come back', async () => {
    await test.apply(observe('5'), correct(null));
    expect(await execute(observe('5'))).toEqual(['unchanged']);
    expect(await records()).toEqual([]);
  });

  it('lets what is new beside it be taken', async () => {
    await test.apply(observe('5'), correct(null));
    const more = { ...KEY, resourceId: 'r2', quantity: '3' };
    expect(await execute({ ...observe('5'), observations: [{ ...KEY, quantity: '5' }, more] })).toEqual(['done']);
    expect(await records()).toEqual([['d1', 'r2', '3']]);
  });

  it('with another body is a conflict that says in what', async () => {
    await test.apply(observe('5', { subAttribution: { team: 'a' } }));
    const where = 'requests of r1 over [2026-04-02T00:00:00Z, 2026-04-03T00:00:00Z) is recorded';
    const message = (difference: string) =>
      `1 of the observations contradict what is recorded; nothing was appended. ${where} ${difference}: use correct-usage to change a quantity`;
    expect(await execute(observe('6', { subAttribution: { team: 'a' } }))).toEqual(['usage_conflict', message('with quantity 5, not 6')]);
    expect(await execute(observe('5', { subAttribution: { team: 'b' } }))).toEqual([
      'usage_conflict',
      message('with subAttribution {"team":"a"}, not {"team":"b"}'),
    ]);
    expect(await execute(observe('5', { rateKey: RATE, subAttribution: { team: 'a' } }))).toEqual([
      'usage_conflict',
      message('with rateKey none, not {"location":"c","resourceFamily":"b","resourceType":"a"}'),
    ]);
    await test.apply(correct(null));
    expect(await execute(observe('6', { subAttribution: { team: 'a' } }))).toEqual([
      'usage_conflict',
      message('and was withdrawn by a correction (with quantity 5, not 6)'),
    ]);
  });
});

describe('a reading that was withdrawn', () => {
  it('is put back by a correction', async () => {
    await test.apply(observe('5', { rateKey: RATE }), correct(null), correct('4'));
    const { items } = await test.ask<{ items: object[] }>('usage-records');
    expect(items).toMatchObject([{ quantity: '4', rateKey: RATE, origin: 'command', correctedBy: 'command' }]);
    expect(await execute(correct('4', { reason: 'again' }))).toEqual(['unchanged']);
  });

  it('is withdrawn once', async () => {
    await test.apply(observe('5'), correct(null));
    expect(await execute(correct(null, { reason: 'again' }))).toEqual(['unchanged']);
    expect(await execute(correct('1', { resourceId: 'r9' }))).toMatchObject(['unknown_usage', expect.anything()]);
  });
});

describe('two providers with a resource of the same id', () => {
  const seen = (provider: string) => ({ command: 'observe-resource', provider, providerId: 'r1', kind: 'vm', name: 'r1', status: 'active', seenAt: T('2026-04-01') });

  it('have a reading each, also beside one that names none', async () => {
    await test.apply(seen('a'), seen('b'), observe('5'), observe('5', { provider: 'a' }), observe('5', { provider: 'b' }));
    expect(await records()).toEqual([
      ['d1', 'r1', '5'],
      ['d1', 'r1', '5'],
      ['d1', 'r1', '5'],
    ]);
    // which of the three is meant can't be known
    expect(await execute(observe('5', { provider: 'a' }))).toEqual(['unchanged']);
  });

  it('are one where only one of them is known: the reading that names it is the one that does not', async () => {
    await test.apply(seen('a'), observe('5'));
    expect(await execute(observe('5', { provider: 'a' }))).toEqual(['unchanged']);
    expect(await execute(observe('6', { provider: 'a' }))).toMatchObject(['usage_conflict', expect.anything()]);
  });

  it('are one within a batch too', async () => {
    const batch = (quantity: string) => ({
      command: 'observe-usage',
      deploymentId: 'd1',
      observations: [
        { ...KEY, quantity: '5' },
        { ...KEY, quantity, provider: 'a' },
      ],
    });
    expect(await execute(batch('6'))).toMatchObject(['usage_conflict', expect.anything()]);
    await test.apply(batch('5'));
    expect(await records()).toEqual([['d1', 'r1', '5']]);
  });
});

describe('metering again', () => {
  const droplet = (deploymentId: string) => ({
    command: 'observe-resource',
    provider: 'do',
    providerId: 'r1',
    kind: 'droplet',
    name: 'r1',
    status: 'active',
    seenAt: T('2026-04-01'),
    deploymentId,
  });
  const meter = { command: 'run-metering', date: '2026-04-02' };
  const metered = { billingKind: 'droplet_hours', provider: 'do' };

  it('leaves what a person corrected or withdrew', async () => {
    await test.apply(droplet('d1'), meter, correct('12', metered), meter);
    expect(await records()).toEqual([['d1', 'r1', '12']]);
    await test.apply(correct(null, metered), meter);
    expect(await records()).toEqual([]);
  });

  it('moves the reading of a resource that was another deployment’s, also one that a person had corrected', async () => {
    await test.apply(droplet('d1'), meter, correct('12', metered), {
      command: 'correct-resource',
      provider: 'do',
      providerId: 'r1',
      from: T('2026-04-01'),
      deploymentId: 'd2',
      reason: 'it was never ours',
    });
    await test.apply(meter);
    expect(await records()).toEqual([['d2', 'r1', '24']]);
    // and back: metered anew
    await test.apply(
      { command: 'correct-resource', provider: 'do', providerId: 'r1', from: T('2026-04-01'), deploymentId: 'd1', reason: 'it was after all' },
      meter,
    );
    expect(await records()).toEqual([['d1', 'r1', '24']]);
  });

  it('counts a resource again that is seen again after its third strike: what a sighting leaves out is as it was', async () => {
    const { deploymentId: _, ...listed } = droplet('d1');
    const sync = (day: string, resources: object[]) => ({ command: 'sync-resources', provider: 'do', seenAt: T(`2026-04-${day}`), resources });
    const { command: _command, provider: _provider, seenAt: _seenAt, ...resource } = listed;
    await test.apply(droplet('d1'), sync('02', []), sync('03', []), sync('04', []));
    const found = async () => (await test.ask<{ items: object[] }>('resources')).items;
    expect(await found()).toMatchObject([{ staleStrikeCount: 3, deletedAt: T('2026-04-04') }]);
    await test.apply(sync('05', [resource]));
    expect(await found()).toMatchObject([{ staleStrikeCount: 0, deletedAt: null, deploymentId: 'd1' }]);
    await test.apply({ command: 'run-metering', date: '2026-04-04' }, { command: 'run-metering', date: '2026-04-06' });
    expect((await test.ask<{ items: { period: { start: string } }[] }>('usage-records')).items.map(({ period }) => period.start)).toEqual([T('2026-04-06')]);
  });
});
