import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { zObservation } from '#domain/usage/usage';
import { LedgerCore } from '#ledger/ledger-core';
import { writeUsage } from '#billing/usage/usage-writer';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/**
 * What was observed, corrected and metered, again and in any order: each is counted once, and what a person said stays.
 */

const T = (date: string) => `${date}T00:00:00Z`;
const DAY = { start: T('2026-04-02'), end: T('2026-04-03') };
const KEY = { resourceId: 'r1', billingKind: 'requests', period: DAY, granularity: 'day' };
const RATE = { resourceType: 'a', resourceFamily: 'b', location: 'c' };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply(tenant('t1'), deployment('d1', 't1'), deployment('d2', 't1'));
});
afterEach(async () => test.close());

const observe = (quantity: string, more: object = {}) => ({
  command: 'observe-usage',
  deploymentId: 'd1',
  observations: [{ ...KEY, quantity, ...more }],
});
const correct = (quantity: string | null, more: object = {}) => ({
  command: 'correct-usage',
  deploymentId: 'd1',
  ...KEY,
  quantity,
  reason: 'the meter was wrong',
  ...more,
});
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
  (await test.ask<{ items: Found[] }>('usage-records')).items.map(({ deploymentId, resourceId, quantity }) => [
    deploymentId,
    resourceId,
    quantity,
  ]);

it('observed in two months is recorded in none if one of them can’t be', async () => {
  const may = { start: T('2026-05-02'), end: T('2026-05-03') };
  const large = { ...KEY, period: may, quantity: '1', attributes: { text: 'x'.repeat(950_000) } };
  expect(await execute({ ...observe('5'), observations: [{ ...KEY, quantity: '5' }, large] })).toEqual([
    'event_too_large',
    // 950,000 characters, and {"text":"…"} and null around them.
    expect.stringMatching(/^observations\[1\]: the reading has 9500\d\d bytes/),
  ]);
  expect(await records()).toEqual([]);
});

describe('a negative reading', () => {
  it('takes back what others of its sum have counted, down to nothing', async () => {
    const price = { model: 'unit', unitAmount: '0.50' };
    await test.apply(plan('p1', '0.00', [{ billingKind: 'requests', price }]), subscription('s1', 'd1', 'p1'));
    const found = async () => [
      await test.ask('usage', { deploymentId: 'd1' }),
      (await test.ask<{ items: { billingKind: string; net: string }[] }>('lines', { subscriptionId: 's1' })).items
        .filter(({ billingKind }) => billingKind === 'requests')
        .map(({ net }) => net)[0],
    ];
    await test.apply(observe('8'), observe('-3', { resourceId: 'r2' }));
    // # (8 − 3) × 0.50 = 2.50
    expect(await found()).toEqual([{ requests: '5' }, '2.50']);
    await test.apply(observe('-8', { resourceId: 'r3' }));
    // # 8 − 3 − 8 = −3, of which nothing is owed
    expect(await found()).toEqual([{ requests: '-3' }, '0.00']);
  });
});

describe('a repeated observation', () => {
  it('is unchanged after a correction to another quantity', async () => {
    await test.apply(observe('5'), correct('7'));
    expect(await execute(observe('5'))).toEqual(['unchanged']);
    // and so is one that says what is true now
    expect(await execute(observe('7'))).toEqual(['unchanged']);
    await test.apply(correct('9', { reason: 'and again' }));
    expect(await execute(observe('7'))).toEqual(['unchanged']);
    expect(await records()).toEqual([['d1', 'r1', '9']]);
  });

  it('is unchanged after its withdrawal, and does not come back', async () => {
    await test.apply(observe('5'), correct(null));
    expect(await execute(observe('5'))).toEqual(['unchanged']);
    expect(await records()).toEqual([]);
  });

  it('does not block new observations in the same command', async () => {
    await test.apply(observe('5'), correct(null));
    const more = { ...KEY, resourceId: 'r2', quantity: '3' };
    expect(await execute({ ...observe('5'), observations: [{ ...KEY, quantity: '5' }, more] })).toEqual(['done']);
    expect(await records()).toEqual([['d1', 'r2', '3']]);
  });

  it('with another body is a conflict that names the difference', async () => {
    await test.apply(observe('5', { subAttribution: { team: 'a' } }));
    const where = 'requests of r1 over [2026-04-02T00:00:00Z, 2026-04-03T00:00:00Z) is recorded';
    const message = (difference: string) =>
      `1 of the observations contradict what is recorded; nothing was appended. ${where} ${difference}: use ` +
      `correct-usage to change a quantity`;
    expect(await execute(observe('6', { subAttribution: { team: 'a' } }))).toEqual([
      'usage_conflict',
      message('with quantity 5, not 6'),
    ]);
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
  it('is restored by a correction', async () => {
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

describe('readings of one key, some with a provider', () => {
  const NONE = {};
  const A = { provider: 'a' };
  const B = { provider: 'b' };
  const one = (given: object, quantity = '5') => ({ ...KEY, quantity, ...given });
  const batch = (...given: object[]) => ({
    command: 'observe-usage',
    deploymentId: 'd1',
    observations: given.map((each) => one(each)),
  });
  const seen = (provider: string) => ({
    command: 'observe-resource',
    provider,
    providerId: 'r1',
    kind: 'vm',
    name: 'r1',
    status: 'active',
    seenAt: T('2026-04-01'),
  });
  const total = async () => test.ask('usage', { deploymentId: 'd1' });

  // The reading without a provider belongs to the provider that is named first: 5 of a and 5 of b, in any order.
  it.each([
    ['none, a, b', [NONE, A, B]],
    ['none, b, a', [NONE, B, A]],
    ['a, none, b', [A, NONE, B]],
    ['b, none, a', [B, NONE, A]],
    ['a, b, none', [A, B, NONE]],
    ['b, a, none', [B, A, NONE]],
  ])('are one for each provider in the order %s, one by one or at once, and again', async (_order, given) => {
    for (const each of given) await test.apply(batch(each));
    expect(await total()).toEqual({ requests: '10' });
    await test.apply({ ...batch(...given), deploymentId: 'd2' });
    expect(await test.ask('usage', { deploymentId: 'd2' })).toEqual({ requests: '10' });
    for (const each of [...given, ...given.toReversed()]) expect(await execute(batch(each))).toEqual(['unchanged']);
    expect(await execute(batch(...given))).toEqual(['unchanged']);
  });

  it('are recognised after any change of the inventory', async () => {
    await test.apply(batch(NONE), batch(A), seen('a'), seen('b'));
    expect(await execute(batch(A))).toEqual(['unchanged']);
    expect(await total()).toEqual({ requests: '5' });
  });

  it('are one reading if only one provider is named', async () => {
    await test.apply(batch(NONE));
    expect(await execute(batch(A))).toEqual(['unchanged']);
    expect(await execute({ ...batch(A), observations: [one(A, '6')] })).toMatchObject([
      'usage_conflict',
      expect.anything(),
    ]);
    expect(await execute({ ...batch(B), observations: [one(NONE, '5'), one(B, '6')] })).toEqual(['done']);
    expect(await total()).toEqual({ requests: '11' });
  });

  it('are refused if one without a provider differs from all of several', async () => {
    await test.apply(batch(A, B));
    expect(await execute({ ...batch(A), observations: [one(NONE, '6')] })).toMatchObject([
      'ambiguous_provider',
      expect.stringContaining('name the provider'),
    ]);
    expect(await execute(correct('6'))).toMatchObject(['ambiguous_provider', expect.anything()]);
    const refused = await test.ledger.execute(correct('6'), ADMIN);
    expect(refused).toMatchObject({ error: { errors: [{ field: 'provider', message: 'must be one of a, b' }] } });
  });

  it('are refused within a batch if they contradict each other', async () => {
    expect(await execute({ ...batch(A), observations: [one(NONE), one(A, '6')] })).toMatchObject([
      'usage_conflict',
      expect.anything(),
    ]);
    expect(await total()).toEqual({});
  });

  it('are corrected for their own provider', async () => {
    await test.apply(batch(NONE), batch(A), batch(B), correct('7', A), correct('1', B));
    expect((await test.ask<{ items: object[] }>('usage-records')).items).toMatchObject([
      { provider: null, quantity: '7' },
      { provider: 'b', quantity: '1' },
    ]);
    // the correction names b: what is a’s is another
    await test.apply(
      { ...batch(NONE), deploymentId: 'd2' },
      { ...correct('7', B), deploymentId: 'd2' },
      { ...batch(A), deploymentId: 'd2' },
    );
    expect(await test.ask('usage', { deploymentId: 'd2' })).toEqual({ requests: '12' });
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

  it('keeps a person’s corrections and withdrawals', async () => {
    await test.apply(droplet('d1'), meter, correct('12', metered), meter);
    expect(await records()).toEqual([['d1', 'r1', '12']]);
    await test.apply(correct(null, metered), meter);
    expect(await records()).toEqual([]);
  });

  it('moves the reading of a resource of another deployment, also one that a person had corrected', async () => {
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
    // and back: metered again
    await test.apply(
      {
        command: 'correct-resource',
        provider: 'do',
        providerId: 'r1',
        from: T('2026-04-01'),
        deploymentId: 'd1',
        reason: 'it was after all',
      },
      meter,
    );
    expect(await records()).toEqual([['d1', 'r1', '24']]);
  });

  it('keeps a person’s correction of a resource that is not metered otherwise', async () => {
    await test.apply(droplet('d1'), meter, correct('12', metered), {
      command: 'remove-resource',
      provider: 'do',
      providerId: 'r1',
      at: '2026-04-01T12:00:00Z',
    });
    const again = async () => (await test.ledger.execute(meter, ADMIN)) as { status: string; result: object };
    expect(await again()).toMatchObject({ status: 'done', result: { count: 0, corrected: 0 } });
    expect(await again()).toMatchObject({ status: 'unchanged', result: { count: 0, corrected: 0 } });
    expect(await records()).toEqual([['d1', 'r1', '12']]);
  });

  it('withdraws readings of a resource that was deleted earlier', async () => {
    await test.apply(
      droplet('d1'),
      meter,
      { command: 'remove-resource', provider: 'do', providerId: 'r1', at: '2026-04-01T12:00:00Z' },
      meter,
    );
    expect(await records()).toEqual([]);
  });

  it('moves a person’s correction also if the day is now metered by the hour', async () => {
    await test.apply(
      droplet('d1'),
      meter,
      correct('12', metered),
      { command: 'configure-metering', billingKind: 'droplet_hours', granularity: 'hour', from: T('2026-04-01') },
      meter,
    );
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ droplet_hours: '24' });
  });

  it('counts a resource again after its third strike: a sighting keeps the fields that it omits', async () => {
    const { deploymentId: _, ...listed } = droplet('d1');
    const sync = (day: string, resources: object[]) => ({
      command: 'sync-resources',
      provider: 'do',
      seenAt: T(`2026-04-${day}`),
      resources,
    });
    const { command: _command, provider: _provider, seenAt: _seenAt, ...resource } = listed;
    await test.apply(droplet('d1'), sync('02', []), sync('03', []), sync('04', []));
    const found = async () => (await test.ask<{ items: object[] }>('resources')).items;
    expect(await found()).toMatchObject([{ staleStrikeCount: 3, deletedAt: T('2026-04-04') }]);
    await test.apply(sync('05', [resource]));
    expect(await found()).toMatchObject([{ staleStrikeCount: 0, deletedAt: null, deploymentId: 'd1' }]);
    await test.apply({ command: 'run-metering', date: '2026-04-04' }, { command: 'run-metering', date: '2026-04-06' });
    expect(
      (await test.ask<{ items: { period: { start: string } }[] }>('usage-records')).items.map(
        ({ period }) => period.start,
      ),
    ).toEqual([T('2026-04-06')]);
  });
});

describe('a file that is delivered again', () => {
  const deliver = async (...quantities: string[]) => {
    const core = test.app.get(LedgerCore);
    const call = {
      caller: ADMIN,
      name: 'backfill',
      key: 'file',
      bodyHash: '',
      occurredAt: null,
      isKeyed: false,
      idempotencyKey: null,
      basedOn: null,
      fields: {},
    };
    const readings = zObservation.array().parse(quantities.map((quantity) => ({ ...KEY, quantity })));
    const { accepted, duplicate, corrected } = await writeUsage(core, call, {
      deploymentId: 'd1',
      observations: readings,
      origin: 'backfill',
      reason: 're-delivered',
    });
    await test.ledger.catchUp();
    return [accepted, duplicate, corrected];
  };

  it('corrects changed rows, and recognises their earlier content', async () => {
    expect(await deliver('5')).toEqual([1, 0, 0]);
    expect(await deliver('7')).toEqual([0, 0, 1]);
    expect([await deliver('7'), await deliver('5')]).toEqual([
      [0, 1, 0],
      [0, 1, 0],
    ]);
    expect(await records()).toEqual([['d1', 'r1', '7']]);
  });

  it('keeps a person’s later correction until its own content changes', async () => {
    await deliver('5');
    await deliver('7');
    await test.apply(correct('6'));
    expect(await deliver('7')).toEqual([0, 1, 0]);
    expect(await records()).toEqual([['d1', 'r1', '6']]);
    expect(await deliver('8')).toEqual([0, 0, 1]);
    await test.apply(correct(null));
    expect([await deliver('8'), await records()]).toEqual([[0, 1, 0], []]);
  });

  it('counts a reading once, also if it has several rows of it', async () => {
    await deliver('5');
    expect(await deliver('7', '7')).toEqual([0, 1, 1]);
    await expect(deliver('8', '9')).rejects.toMatchObject({ code: 'usage_conflict' });
    expect(await records()).toEqual([['d1', 'r1', '7']]);
  });

  it('is refused if it contradicts what no correction can change', async () => {
    await test.apply(observe('5', { subAttribution: { team: 'a' } }));
    await expect(deliver('5')).rejects.toMatchObject({
      code: 'usage_conflict',
      message: expect.stringContaining('subAttribution {"team":"a"}, not none'),
    });
  });
});

describe('commands of one key, in any order', () => {
  const RUNS = { numRuns: 40, seed: Number(process.env['PROPERTY_SEED'] ?? '20260401') };
  const provider = fc.constantFrom({}, {}, { provider: 'a' }, { provider: 'b' });
  const seen = fc.tuple(fc.constantFrom('5', '5', '6'), provider).map(([quantity, of]) => observe(quantity, of));
  const corrected = fc.tuple(fc.constantFrom('7', '9', null), provider).map(([quantity, of]) => correct(quantity, of));
  const onDeployment = async (deploymentId: string, commands: readonly object[]): Promise<object[]> => {
    const taken: object[] = [];
    await test.apply({
      command: 'register-deployment',
      deploymentId,
      tenantId: 't1',
      name: deploymentId,
      from: T('2026-04-01'),
    });
    for (const each of commands) {
      const command = { ...each, deploymentId };
      if ((await test.ledger.execute(command, ADMIN)).status !== 'refused') taken.push(command);
    }
    return taken;
  };
  let run = 0;

  it('change nothing if the accepted ones are sent again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(seen, seen, corrected), { minLength: 1, maxLength: 8 }), async (commands) => {
        const deploymentId = `again-${(run += 1)}`;
        const taken = await onDeployment(deploymentId, commands);
        const before = await test.ask('usage-records', { deploymentId });
        for (const command of taken) expect(await execute(command)).toEqual(['unchanged']);
        expect(await test.ask('usage-records', { deploymentId })).toEqual(before);
      }),
      RUNS,
    );
  });

  it('count one reading per named provider, and one without a provider', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(provider, { minLength: 1, maxLength: 6 }), async (given) => {
        const deploymentId = `orders-${(run += 1)}`;
        expect(
          await onDeployment(
            deploymentId,
            given.map((of) => observe('5', of)),
          ),
        ).toHaveLength(given.length);
        const named = new Set(given.flatMap((of) => ('provider' in of ? [of.provider] : [])));
        const { items } = await test.ask<{ items: object[] }>('usage-records', { deploymentId });
        expect(items).toHaveLength(Math.max(1, named.size));
      }),
      RUNS,
    );
  });
});
