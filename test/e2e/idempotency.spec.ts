import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { usageStream } from '#domain/usage/usage';
import { LedgerCore } from '#ledger/ledger-core';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

// A key belongs to one command permanently, even if that command changed nothing. A repetition has the same answer.

const T = (date: string) => `${date}T00:00:00Z`;
const DAY = { start: T('2026-04-03'), end: T('2026-04-04') };
const reading = (quantity: string, billingKind = 'requests') => ({
  resourceId: 'r',
  billingKind,
  period: DAY,
  granularity: 'day',
  quantity,
});
const observe = (quantity: string, billingKind?: string) => ({
  command: 'observe-usage',
  deploymentId: 'd',
  observations: [reading(quantity, billingKind)],
});
const conflicting = { status: 'refused', error: { code: 'conflicting_body', kind: 'conflict' } };

let test: TestLedger;
const head = async (): Promise<number> => test.ledger.catchUp();
const execute = async (command: object) => test.ledger.execute(command, ADMIN);

beforeEach(async () => {
  test = await testLedger();
  await test.apply(
    { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD' },
    tenant('u'),
    deployment('d', 't'),
    observe('10'),
  );
});
afterEach(async () => test.close());

/** Commands that find nothing to do, and each with another body. */
const NOTHING_TO_DO: readonly (readonly [string, object, object])[] = [
  ['observe-usage', observe('10'), observe('4', 'calls')],
  [
    'create-invoice',
    { command: 'create-invoice', tenantId: 't', asOf: T('2026-05-01') },
    { command: 'create-invoice', tenantId: 't', asOf: T('2026-06-01') },
  ],
  [
    'assign-deployment',
    { command: 'assign-deployment', deploymentId: 'd', tenantId: 't', from: T('2026-04-20') },
    { command: 'assign-deployment', deploymentId: 'd', tenantId: 'u', from: T('2026-04-21') },
  ],
  [
    'correct-usage',
    {
      command: 'correct-usage',
      deploymentId: 'd',
      resourceId: 'r',
      billingKind: 'requests',
      period: DAY,
      granularity: 'day',
      quantity: '10',
      reason: 'checked',
    },
    {
      command: 'correct-usage',
      deploymentId: 'd',
      resourceId: 'r',
      billingKind: 'requests',
      period: DAY,
      granularity: 'day',
      quantity: '11',
      reason: 'checked',
    },
  ],
];

describe('an idempotency key', () => {
  it('of a token with a tenant belongs to that tenant', async () => {
    const bound = { ...ADMIN, role: 'ingest' as const, tenantId: 't', actor: 'device' };
    const send = async (quantity: string, kind: string) =>
      test.ledger.execute({ ...observe(quantity, kind), idempotencyKey: 'april-run' }, bound);
    expect(await send('1', 'calls')).toMatchObject({ status: 'done' });
    expect(
      await execute({ command: 'create-invoice', tenantId: 't', asOf: T('2026-05-01'), idempotencyKey: 'april-run' }),
    ).toMatchObject({ status: 'unchanged', result: { invoices: [] } });
    expect(await send('1', 'calls')).toMatchObject({ status: 'unchanged' });
    expect(await send('2', 'others')).toMatchObject(conflicting);
  });

  it.each(NOTHING_TO_DO)('of %s is kept if it changed nothing', async (_name, command, other) => {
    const first = await execute({ ...command, idempotencyKey: 'k' });
    expect(first.status).toBe('unchanged');
    const position = await head();
    expect(await execute({ ...command, idempotencyKey: 'k' })).toEqual(first);
    expect(await execute({ ...other, idempotencyKey: 'k' })).toMatchObject(conflicting);
    expect(await head()).toBe(position);
    await expectReplayToBeLive(test.url);
  });

  it('of usage of two months is kept if the last month was known', async () => {
    const march = { ...reading('1'), period: { start: T('2026-03-03'), end: T('2026-03-04') } };
    const both = {
      command: 'observe-usage',
      deploymentId: 'd',
      observations: [march, reading('10')],
      idempotencyKey: 'k',
    };
    expect(await execute(both)).toMatchObject({ status: 'done', result: { accepted: 1, duplicate: 1 } });
    expect(await execute(both)).toMatchObject({ status: 'unchanged', result: { accepted: 1, duplicate: 1 } });
    expect(await execute({ ...observe('4', 'calls'), idempotencyKey: 'k' })).toMatchObject(conflicting);
    // Had it died after March, it would have to be done again: March alone does not make its key known.
    const [inMarch] = await test.app.get(LedgerCore).book.load(usageStream('d', '2026-03'));
    expect(inMarch?.metadata.command).toMatchObject({
      name: 'observe-usage',
      key: expect.stringMatching(/^observe-usage:/),
    });
    expect(inMarch?.metadata.command?.idempotencyKey).toBeUndefined();
  });

  it('is kept if the command was known by its natural key', async () => {
    const known = { command: 'register-tenant', tenantId: 't', name: 'T', currency: 'USD', idempotencyKey: 'k' };
    expect((await execute(known)).status).toBe('unchanged');
    expect((await execute(known)).status).toBe('unchanged');
    expect(
      await execute({ command: 'register-tenant', tenantId: 'v', name: 'V', currency: 'USD', idempotencyKey: 'k' }),
    ).toMatchObject(conflicting);
  });

  it('returns the first answer again, with the id of the invoice', async () => {
    await test.apply(plan('p', '50.00', []), subscription('s', 'd', 'p'));
    const create = { command: 'create-invoice', tenantId: 't', asOf: T('2026-04-15'), idempotencyKey: 'k' };
    const first = await execute(create);
    expect(first).toMatchObject({ status: 'done', result: { invoices: [{ currency: 'USD' }] } });
    const { result } = first as { result: { invoices: { invoiceId: string }[] } };
    await test.apply({ command: 'void-invoice', invoiceId: result.invoices[0]?.invoiceId, at: T('2026-04-15') });
    // Without a key it would be drafted again; with it, it is the one that was asked for.
    expect(await execute(create)).toEqual({ command: 'create-invoice', status: 'unchanged', result });
  });

  it('belongs to one of several simultaneous commands that change nothing', async () => {
    const commands = NOTHING_TO_DO.map(([, command]) => ({ ...command, idempotencyKey: 'k' }));
    const outcomes = await Promise.all(commands.map(execute));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['refused', 'refused', 'refused', 'unchanged']);
  });
});

describe('a natural key', () => {
  it('is kept if the command changed nothing, so that the same file has the same result again', async () => {
    const file = [
      // t holds it already
      { command: 'assign-deployment', deploymentId: 'd', tenantId: 't', from: T('2026-04-20') },
      { command: 'assign-deployment', deploymentId: 'd', tenantId: 'u', from: T('2026-04-10') },
    ];
    await test.apply(...file);
    const once = await test.ask('deployments', { deploymentId: 'd' });
    const position = await head();
    expect((await test.apply(...file)).map(({ status }) => status)).toEqual(['unchanged', 'unchanged']);
    expect(await test.ask('deployments', { deploymentId: 'd' })).toEqual(once);
    expect(await head()).toBe(position);
  });
});
