import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool } from '#postgres/pool';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, ledgerOn, type TestLedger, testLedger } from '../support/ledger.js';
import { logBehindGrpc } from '../support/log.js';
import { testDatabase } from '../support/postgres.js';

/** Rates over time: what is in force never overlaps, and no correction silently overrules another. */

const T = (date: string) => `${date}T00:00:00Z`;
const RATE = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };

let test: TestLedger;
beforeEach(async () => {
  test = await testLedger();
  await test.apply({ command: 'set-rate', ...RATE, unitPrice: '0.10', effectiveFrom: T('2026-01-01') });
});
afterEach(async () => test.close());

const outcome = async (command: object) => {
  const done = await test.ledger.execute(command, ADMIN);
  return done.status === 'refused' ? `${done.error.code}: ${done.error.message}` : done.status;
};
const prices = async (params: object = {}) =>
  (
    await test.ask<{ items: { unitPrice: string; effectiveFrom: string; effectiveUntil: string | null }[] }>('rates', {
      ...RATE,
      ...params,
    })
  ).items.map(
    ({ unitPrice, effectiveFrom, effectiveUntil }) =>
      `${unitPrice} ${effectiveFrom.slice(0, 10)}/${effectiveUntil?.slice(0, 10) ?? ''}`,
  );

describe('two rates of a key', () => {
  const inserted = async (from: string, until: string | null, positions = '1, NULL') => {
    const pool = createPool(test.url, { schema: 'ledgerline' });
    try {
      await pool.query(
        `INSERT INTO rates (resource_type, resource_family, location, effective_from, effective_until, unit_price,
            currency, basis, position_from, position_to)
         VALUES ('VmVCpu', 'standard', 'hel1', '${from}', ${until === null ? 'NULL' : `'${until}'`}, 1,
            'USD', 'duration', ${positions})`,
      );
      return 'taken';
    } catch (error) {
      return (error as { code?: string }).code;
    } finally {
      await pool.end();
    }
  };

  it('that overlap are also refused by the database', async () => {
    await test.ask('rates');
    expect(await inserted(T('2026-02-01'), null)).toBe('23P01');
    expect(await inserted(T('2025-12-01'), T('2026-01-02'))).toBe('23P01');
    // one ends where the other begins; and what was superseded before the other was known stands beside it
    expect(await inserted(T('2025-12-01'), T('2026-01-01'))).toBe('taken');
    expect(await inserted(T('2026-03-01'), null, '0, 1')).toBe('taken');
  });
});

describe('a rate that was withdrawn', () => {
  const set = { command: 'set-rate', ...RATE, unitPrice: '0.10', effectiveFrom: T('2026-01-01') };
  const withdraw = { command: 'withdraw-rate', ...RATE, from: T('2026-01-01'), reason: 'no longer sold' };

  it('can be set again from the same date, and withdrawn again, and each repeated command is recognised', async () => {
    const again = { ...set, unitPrice: '0.20' };
    const late = { ...set, occurredAt: T('2026-03-01') };
    const story = [set, withdraw, again, { ...withdraw, reason: 'once more' }, late];
    expect(await Promise.all([outcome(set)])).toEqual(['unchanged']);
    for (const command of story.slice(1)) expect(await outcome(command)).toBe('done');
    expect(await prices()).toEqual(['0.1 2026-01-01/']);
    for (const command of story) expect(await outcome(command)).toBe('unchanged');
    expect(await prices()).toEqual(['0.1 2026-01-01/']);
  });

  it('stays withdrawn if all commands are applied again', async () => {
    expect(await outcome(withdraw)).toBe('done');
    for (const command of [set, withdraw]) expect(await outcome(command)).toBe('unchanged');
    expect(await prices()).toEqual([]);
  });

  it('conflicts while it is in force', async () => {
    expect(await outcome({ ...set, unitPrice: '0.30' })).toMatch(/^conflicting_body: /);
    expect(await outcome(withdraw)).toBe('done');
    expect(await outcome({ ...withdraw, reason: 'another' })).toMatch(/^conflicting_body: /);
  });
});

describe('both axes of time', () => {
  it('the amount of a line with the prices known then', async () => {
    await test.apply(
      plan('p1', '0', [{ billingKind: 'cores', price: { model: 'rate_card' } }]),
      tenant('t1'),
      deployment('d1', 't1'),
      subscription('s1', 'd1', 'p1'),
      {
        command: 'observe-usage',
        deploymentId: 'd1',
        observations: [
          {
            resourceId: 'r1',
            billingKind: 'cores',
            period: { start: T('2026-04-02'), end: T('2026-04-03') },
            granularity: 'day',
            quantity: '100',
            rateKey: RATE,
          },
        ],
      },
    );
    const before = String(await test.ledger.catchUp());
    await test.apply({
      command: 'correct-rate',
      ...RATE,
      unitPrice: '0.01',
      effectiveFrom: T('2026-04-01'),
      reason: 'ten times too high',
    });
    const at = T('2026-04-10');
    const net = async (knownAt: object) =>
      (
        await test.ask<{ items: { billingKind: string; net: string }[] }>('lines', { tenantId: 't1', at, ...knownAt })
      ).items.find(({ billingKind }) => billingKind === 'cores')?.net;
    // 100 × 0.10 as it was believed, 100 × 0.01 as it is known
    expect([await net({ knownAt: before }), await net({})]).toEqual(['10.00', '1.00']);
    const total = async (name: string, more: object) =>
      (await test.ask<{ total: string }>(name, { at, ...more })).total;
    expect([await total('accrual', { knownAt: before }), await total('accrual', {})]).toEqual(['10.00', '1.00']);
    expect([
      await total('invoice-preview', { tenantId: 't1', knownAt: before }),
      await total('invoice-preview', { tenantId: 't1' }),
    ]).toEqual(['10.00', '1.00']);
    expect([await prices({ at, knownAt: before }), await prices({ at })]).toEqual([
      ['0.1 2026-01-01/'],
      ['0.01 2026-04-01/'],
    ]);
    // As of a position before a correction, nothing shows it.
    expect(await prices({ at, asOf: before, knownAt: String(Number(before) + 1) })).toEqual(['0.1 2026-01-01/']);
  });
});

describe('corrections of two operators', () => {
  const right = {
    command: 'correct-rate',
    ...RATE,
    unitPrice: '0.01',
    effectiveFrom: T('2026-04-01'),
    effectiveUntil: T('2026-05-01'),
    reason: 'ten times too high',
  };

  it('of the same period, from the same preview: the second is refused with the reason', async () => {
    const { position } = await test.ledger.preview([right], ADMIN);
    expect(await outcome({ ...right, basedOn: position })).toBe('done');
    const second = { ...right, unitPrice: '0.02', basedOn: position };
    expect(await outcome(second)).toBe(
      'overtaken: correct-rate: prepared at position 1, but since then VmVCpu/standard/hel1 over ' +
        '[2026-04-01T00:00:00Z, 2026-05-01T00:00:00Z) became 0.01' +
        ' (position 2, by test). Nothing was recorded. Preview again and resubmit.',
    );
    expect(await prices({ at: T('2026-04-15') })).toEqual(['0.01 2026-04-01/2026-05-01']);
    // Looked at again it is a correction of a correction; the same again is no news.
    expect(await outcome({ ...second, basedOn: 2 })).toBe('done');
    expect(await outcome({ ...second, basedOn: 2 })).toBe('unchanged');
    expect(await prices({ at: T('2026-04-15') })).toEqual(['0.02 2026-04-01/2026-05-01']);
  });

  it('of different periods, or to the same price, are both accepted', async () => {
    expect(await outcome({ ...right, basedOn: 1 })).toBe('done');
    expect(
      await outcome({
        ...right,
        unitPrice: '0.02',
        effectiveFrom: T('2026-05-01'),
        effectiveUntil: T('2026-06-01'),
        basedOn: 1,
      }),
    ).toBe('done');
    expect(await outcome({ ...right, reason: 'me too', basedOn: 1 })).toBe('unchanged');
  });

  it('without an end: the first must not silently shorten the second', async () => {
    const open = {
      command: 'correct-rate',
      ...RATE,
      unitPrice: '0.01',
      effectiveFrom: T('2026-04-01'),
      reason: 'ten times too high',
    };
    const { position } = await test.ledger.preview([open], ADMIN);
    expect(await outcome({ ...open, unitPrice: '0.05', effectiveFrom: T('2026-06-01'), basedOn: position })).toBe(
      'done',
    );
    expect(await outcome({ ...open, basedOn: position })).toMatch(
      /^overtaken: .* over \[2026-06-01T00:00:00Z, open\) became 0.05/,
    );
  });

  it('are not refused because of earlier data, or unrelated events in between', async () => {
    const other = await ledgerOn(test.url);
    try {
      for (let n = 0; n < 5; n += 1) {
        const [corrected] = await Promise.all([
          other.ledger.execute({ ...right, unitPrice: `0.0${n + 1}`, reason: `${n}` }, ADMIN),
          ...[1, 2].map(async (each) =>
            other.apply({ command: 'register-tenant', tenantId: `t${n}-${each}`, name: 't', currency: 'USD' }),
          ),
        ]);
        expect(corrected.status).toBe('done');
        expect(await outcome({ ...right, unitPrice: '0.09', reason: `back ${n}` })).toBe('done');
      }
    } finally {
      await other.close();
    }
  });

  it('at the same time: one is executed, the other refused, and a later one accepted', async () => {
    const attempts = await Promise.all(
      ['0.01', '0.02', '0.03', '0.04'].map(async (unitPrice) => outcome({ ...right, unitPrice })),
    );
    expect(attempts.filter((each) => each === 'done')).toHaveLength(1);
    expect(attempts.filter((each) => each.startsWith('overtaken: '))).toHaveLength(3);
    expect(await outcome({ ...right, unitPrice: '0.05', reason: 'later' })).toBe('done');
  });

  it('of a plan, a reading or a resource behave in the same way', async () => {
    await test.apply(
      plan('p1', '50.00', [{ billingKind: 'hours', price: { model: 'unit', unitAmount: '0.01' } }]),
      tenant('t1'),
      { command: 'register-deployment', deploymentId: 'd1', tenantId: 't1', name: 'd1', from: T('2026-01-01') },
      {
        command: 'observe-resource',
        provider: 'do',
        providerId: 'r1',
        kind: 'droplet',
        name: 'r1',
        status: 'active',
        seenAt: T('2026-01-01'),
      },
    );
    const reading = {
      deploymentId: 'd1',
      resourceId: 'r1',
      billingKind: 'hours',
      period: { start: T('2026-04-02'), end: T('2026-04-03') },
      granularity: 'day',
    };
    const { deploymentId, ...observation } = reading;
    await test.apply({ command: 'observe-usage', deploymentId, observations: [{ ...observation, quantity: '24' }] });
    const price = (unitAmount: string) => ({
      command: 'correct-price',
      planId: 'p1',
      billingKind: 'hours',
      price: { model: 'unit', unitAmount },
      effectiveFrom: T('2026-04-01'),
      reason: 'typo',
    });
    const quantity = (hours: string) => ({ command: 'correct-usage', ...reading, quantity: hours, reason: 'misread' });
    const status = (value: string) => ({
      command: 'correct-resource',
      provider: 'do',
      providerId: 'r1',
      from: T('2026-04-01'),
      status: value,
      reason: 'log',
    });
    const basedOn = await test.ledger.catchUp();
    for (const [first, second] of [
      [price('0.02'), price('0.03')],
      [quantity('23'), quantity('22')],
      [status('off'), status('resized')],
    ] as const) {
      expect(await outcome({ ...first, basedOn })).toBe('done');
      expect(await outcome({ ...second, basedOn })).toMatch(
        /^overtaken: correct-\w+: prepared at position \d+, but since then /,
      );
      expect(await outcome(second)).toBe('done');
    }
    // another field of the resource is another thing
    expect(
      await outcome({
        command: 'correct-resource',
        provider: 'do',
        providerId: 'r1',
        from: T('2026-04-01'),
        sizeGb: '10',
        reason: 'log',
        basedOn,
      }),
    ).toBe('done');
  });

  it('says what a basis must be', async () => {
    expect(await outcome({ ...right, basedOn: 99_999 })).toBe(
      'position_ahead: basedOn is beyond the end of the log at position 1',
    );
    expect(await outcome({ ...right, basedOn: 'yesterday' })).toMatch(/^invalid_input: .*basedOn/);
    expect(
      await outcome({ command: 'set-rate', ...RATE, unitPrice: '0.2', effectiveFrom: T('2026-07-01'), basedOn: 1 }),
    ).toMatch(/^invalid_input: .*basedOn/);
  });
});

describe('a correction that the log has, and whose answer is under way', () => {
  const right = {
    command: 'correct-rate',
    ...RATE,
    unitPrice: '0.01',
    effectiveFrom: T('2026-04-01'),
    effectiveUntil: T('2026-05-01'),
    reason: 'ten times too high',
  };

  it('is not the basis of a simultaneous one, whose sender has not seen it', async () => {
    const database = await testDatabase();
    const log = await logBehindGrpc(database.url);
    const late = await ledgerOn(database.url);
    try {
      await late.apply({ command: 'set-rate', ...RATE, unitPrice: '0.10', effectiveFrom: T('2026-01-01') });
      log.node.answerLate(500);
      const first = late.ledger.execute(right, ADMIN);
      while ((await late.core.log.head()) < 2) await database.pool.query('SELECT 1');
      const second = await late.ledger.execute({ ...right, unitPrice: '0.02' }, ADMIN);
      expect([await first, second]).toMatchObject([
        { status: 'done', position: 2 },
        { status: 'refused', error: { code: 'overtaken' } },
      ]);
    } finally {
      await late.close();
      await database.drop();
      await log.stop(true);
    }
  });
});
