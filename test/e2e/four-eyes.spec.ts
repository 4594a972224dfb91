import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { settingsFrom } from '#api/environment';
import { startApi } from '#api/start';
import { decimal, sum, text } from '#domain/money/decimal';
import { instant } from '#domain/time/instant';
import { proposalOf } from '#domain/proposals/proposal';
import type { Caller, Role } from '#ledger/caller';
import type { CommandOutcome } from '#ledger/command';
import { FewInOrder } from '#operations/few-at-once';
import { proposalEventsOf } from '#operations/four-eyes';
import { COMMANDS } from '#operations/operations';
import { carriedOut, commandOf } from '#operations/proposals';
import { fourEyesFrom } from '#runtime/environment';
import { mintToken } from '#runtime/token';
import { clock, LISTENING, logger, NOW, SECRET } from '../support/api.js';
import { backfilled } from '../support/backfill.js';
import { folder } from '../support/cli.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { on } from '../support/log.js';
import { checkedOn } from '../support/properties.js';
import { BEGINNING, live, step } from '../support/random-history.js';

/** Above an amount, a correction or a void is proposed by one person and approved by another. */

const T = (date: string) => `${date}T00:00:00Z`;
const RATE = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
const by = (actor: string, role: Role = 'operator'): Caller => ({
  ...ADMIN,
  actor,
  role,
  now: instant(T('2026-05-02')),
});
const [MIRA, NOOR] = [by('mira'), by('noor')];

const use = (deploymentId: string, quantity: string) => ({
  command: 'observe-usage',
  deploymentId,
  observations: [
    {
      ...{ resourceId: 'r1', billingKind: 'cores', granularity: 'hour', quantity, rateKey: RATE },
      period: { start: T('2026-04-06'), end: '2026-04-06T01:00:00Z' },
    },
  ],
});
/** 2,000 core hours of each of two tenants at 0.10: 200.00 each, 400.00 together. */
const STORY = [
  { command: 'set-rate', ...RATE, unitPrice: '0.10', effectiveFrom: T('2026-01-01') },
  plan('p', '50.00', [{ billingKind: 'cores', price: { model: 'rate_card' } }]),
  ...['1', '2'].flatMap((n) => [
    tenant(`t${n}`),
    deployment(`d${n}`, `t${n}`),
    subscription(`s${n}`, `d${n}`, 'p'),
    use(`d${n}`, '2000'),
  ]),
];
const RESOURCE = { providerId: 'web-1', kind: 'droplet', name: 'web', status: 'active' };
const corrected = (unitPrice: string, more: object = {}) => ({
  ...{ command: 'correct-rate', ...RATE, unitPrice, effectiveFrom: T('2026-04-01'), reason: 'as agreed' },
  ...more,
});

let test: TestLedger;
const started = async (limits: string): Promise<TestLedger> =>
  testLedger(fourEyesFrom({ LEDGERLINE_FOUR_EYES: limits }));
const execute = async (command: object, caller = MIRA): Promise<CommandOutcome> => test.ledger.execute(command, caller);
const codeOf = (outcome: CommandOutcome): string =>
  outcome.status === 'refused' ? outcome.error.code : outcome.status;
async function proposed(command: object, caller = MIRA): Promise<string> {
  const outcome = await execute(command, caller);
  if (outcome.status !== 'proposed') throw new Error(`not proposed: ${JSON.stringify(outcome)}`);
  return outcome.result.proposalId;
}
const decide = async (verb: 'approve' | 'reject', proposalId: string, caller = NOOR): Promise<CommandOutcome> =>
  execute({ command: `${verb}-proposal`, proposalId, ...(verb === 'reject' ? { reason: 'not agreed' } : {}) }, caller);
const price = async (): Promise<unknown> =>
  (await test.ask<{ items: { unitPrice: string }[] }>('rates', { at: T('2026-04-06') })).items[0]?.unitPrice;
const listed = async (status?: string): Promise<object[]> =>
  (await test.ask<{ items: object[] }>('proposals', status === undefined ? {} : { status })).items;
async function bill(tenantId: string, more: object = {}): Promise<{ invoiceId: string; total: string }> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T('2026-05-01'), ...more });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  const invoiceId = invoices[0]?.invoiceId ?? 'none';
  await test.apply({ command: 'issue-invoice', invoiceId, at: T('2026-05-01') });
  return test.ask('invoice', { id: invoiceId });
}

describe('above the limit', () => {
  beforeEach(async () => {
    test = await started('USD:100.00');
    await test.apply(...STORY);
  });
  afterEach(async () => test.close());

  it('a correction is proposed, and carried out when another person approves it', async () => {
    // t1 is billed 50.00 + 200.00, and 50.00 for May
    expect(await bill('t1')).toMatchObject({ total: '300.00' });
    // 2000 × (0.12 − 0.10) = 40.00 of each tenant, 80.00 together
    expect(await execute(corrected('0.12'))).toMatchObject({ status: 'done' });
    // 2000 × (0.05 − 0.12) = −140.00 of each tenant, −280.00 together
    const outcome = await execute(corrected('0.05'));
    expect(outcome).toMatchObject({
      status: 'proposed',
      result: { amounts: [{ currency: 'USD', amount: '280.00', limit: '100.00' }] },
      position: expect.any(Number),
    });
    const proposalId = outcome.status === 'proposed' ? outcome.result.proposalId : '';
    expect(await price()).toBe('0.12');
    const again = await execute(corrected('0.05'), NOOR);
    expect(again).toMatchObject({ status: 'proposed', result: { proposalId } });
    expect(await listed('open')).toMatchObject([
      {
        ...{ proposalId, command: 'correct-rate', proposedBy: 'mira', decidedBy: null },
        fields: { unitPrice: '0.05', reason: 'as agreed' },
        amounts: [{ currency: 'USD', amount: '280.00' }],
      },
    ]);
    for (const role of ['auditor', 'tenant', 'ingest'] as const)
      expect(codeOf(await decide('approve', proposalId, { ...by('kim', role), tenantId: 't1' }))).toBe('forbidden');
    expect(await decide('approve', proposalId, MIRA)).toMatchObject({
      error: { code: 'four_eyes', kind: 'forbidden', message: 'mira proposed it. Another person must approve it.' },
    });
    expect(await price()).toBe('0.12');
    expect(await decide('approve', proposalId)).toMatchObject({ status: 'done', result: { command: 'correct-rate' } });
    expect(await price()).toBe('0.05');
    expect(codeOf(await decide('approve', proposalId))).toBe('unchanged');
    expect(codeOf(await execute(corrected('0.05')))).toBe('unchanged');
    expect(codeOf(await decide('reject', proposalId))).toBe('proposal_decided');
    const [decided] = await listed();
    expect(decided).toMatchObject({ status: 'approved', proposedBy: 'mira', decidedBy: 'noor' });
    // What was recorded is the proposer's, and names the proposal; the proposal names its position.
    const { position } = decided as { position: number };
    const [event] = await Array.fromAsync(test.core.log.readAt([position]));
    expect(event?.type).toBe('RateCorrected');
    expect(JSON.parse(event?.metadata ?? '')).toMatchObject({ actor: 'mira', correlationId: proposalId });
    // Billed 300.00, and at 0.05 it is 200.00: −100.00.
    expect(await test.ask('invoice-preview', { tenantId: 't1', at: T('2026-05-01') })).toMatchObject({
      total: '-100.00',
    });
  });

  it('opposite changes of two tenants do not cancel out', async () => {
    // d1 with its 50.00 + 200.00, and 50.00 for May, was of t2 all along: t1 owes 300.00 less, t2 300.00 more
    const moved = { command: 'correct-assignment', deploymentId: 'd1', tenantId: 't2', effectiveFrom: T('2026-04-01') };
    expect(await execute({ ...moved, reason: 'sold' })).toMatchObject({
      status: 'proposed',
      result: { amounts: [{ amount: '300.00' }] },
    });
  });

  it('a rejected one is not carried out, and can be proposed again with another key', async () => {
    const proposalId = await proposed(corrected('0.05'));
    expect(await decide('reject', proposalId, MIRA)).toMatchObject({ status: 'done' });
    expect(codeOf(await decide('approve', proposalId))).toBe('proposal_decided');
    expect(await execute(corrected('0.05'))).toMatchObject({
      error: { code: 'proposal_decided', message: expect.stringContaining('with another idempotencyKey') },
    });
    expect(await price()).toBe('0.1');
    // The key of a small change, 4000 × 0.001 = 4.00, can't propose a large one
    expect(codeOf(await execute(corrected('0.101', { idempotencyKey: 'first' })))).toBe('done');
    expect(codeOf(await execute(corrected('0.05', { idempotencyKey: 'first' })))).toBe('conflicting_body');
    expect(await listed('open')).toEqual([]);
    const second = await proposed(corrected('0.05', { idempotencyKey: 'second' }));
    expect(second).not.toBe(proposalId);
    expect(codeOf(await execute(corrected('0.04', { idempotencyKey: 'second' })))).toBe('conflicting_body');
    expect(codeOf(await decide('approve', second))).toBe('done');
    expect(codeOf(await execute(corrected('0.05', { idempotencyKey: 'second' })))).toBe('unchanged');
    expect(codeOf(await execute(corrected('0.04', { idempotencyKey: 'second' })))).toBe('conflicting_body');
    expect(codeOf(await decide('approve', '0b9c1d0c-5a5b-5d53-9f0e-0d0a4a4f6a6e'))).toBe('unknown_proposal');
  });

  it('is overtaken if its amount has changed since, or another correction came first', async () => {
    const proposalId = await proposed(corrected('0.05'));
    // 3000 more core hours: −150.00 more
    await test.apply({
      ...use('d1', '3000'),
      observations: [{ ...use('d1', '3000').observations[0], resourceId: 'r2' }],
    });
    expect(await decide('approve', proposalId)).toMatchObject({
      error: {
        code: 'overtaken',
        message:
          `proposal ${proposalId}: its amount is now 350.00 USD, proposed were 200.00 USD. Nothing was recorded.` +
          ' Reject the proposal and send the command again with another idempotencyKey.',
      },
    });
    const other = await proposed(corrected('0.04', { idempotencyKey: 'other' }));
    // 7000 × 0.001 = 7.00
    expect(codeOf(await execute(corrected('0.101')))).toBe('done');
    expect(await decide('approve', other)).toMatchObject({
      error: {
        code: 'overtaken',
        message: expect.stringMatching(/Reject the proposal and .* another idempotencyKey\.$/),
      },
    });
    expect(await price()).toBe('0.101');
  });

  it('an invoice is voided, a credit note issued and a payment withdrawn by two', async () => {
    const { invoiceId } = await bill('t1');
    const note = { command: 'create-credit-note', invoiceId, at: T('2026-05-02'), reason: 'an outage' };
    expect(codeOf(await execute({ ...note, amount: '100.00' }))).toBe('done');
    // With the note before it: 100.00 + 0.01
    expect(await execute({ ...note, amount: '0.01' })).toMatchObject({
      status: 'proposed',
      result: { amounts: [{ amount: '100.01' }] },
    });
    expect(codeOf(await execute({ ...note, amount: '1000.00' }))).toBe('credit_note_exceeds_invoice');
    const second = await bill('t2');
    const id = await proposed({ command: 'void-invoice', invoiceId: second.invoiceId, at: T('2026-05-02') });
    expect(await test.ask('invoice', { id: second.invoiceId })).toMatchObject({ status: 'issued' });
    expect(codeOf(await decide('approve', id))).toBe('done');
    expect(await test.ask('invoice', { id: second.invoiceId })).toMatchObject({ status: 'void' });
    await test.apply({ command: 'pay-invoice', invoiceId, at: T('2026-05-02') });
    expect(await execute({ command: 'withdraw', what: 'pay-invoice', invoiceId, reason: 'bounced' })).toMatchObject({
      status: 'proposed',
      result: { amounts: [{ amount: '300.00' }] },
    });
  });

  it('two credit notes of an invoice at the same time count together', async () => {
    const { invoiceId } = await bill('t1');
    const note = { command: 'create-credit-note', invoiceId, at: T('2026-05-02'), amount: '60.00' };
    const outcomes = await Promise.all(
      ['an outage', 'another one'].map(async (reason) => execute({ ...note, reason })),
    );
    // 60.00 alone needs nobody; 60.00 + 60.00 do.
    expect(outcomes.map(codeOf).sort()).toEqual(['done', 'proposed']);
    expect(outcomes.find(({ status }) => status === 'proposed')).toMatchObject({
      result: { amounts: [{ amount: '120.00' }] },
    });
  });

  it('a credit is withdrawn and a price ended by two', async () => {
    const credit = { creditId: 'welcome', tenantId: 't1', currency: 'USD' };
    const grant = { command: 'grant-credit', ...credit, from: T('2026-04-01') };
    expect(codeOf(await execute({ ...grant, creditId: 'small', amount: '100.00' }))).toBe('done');
    const granted = await proposed({ ...grant, amount: '150.00' });
    expect(codeOf(await decide('approve', granted))).toBe('done');
    const revoked = await proposed({
      ...{ command: 'revoke-credit', ...credit, creditId: 'welcome' },
      ...{ at: T('2026-06-01'), reason: 'a typo' },
    });
    expect(codeOf(await decide('approve', revoked))).toBe('done');
    const back = await execute({ command: 'withdraw', what: 'revoke-credit', ...credit, reason: 'not a typo' });
    expect(back).toMatchObject({ status: 'proposed', result: { amounts: [{ amount: '150.00' }] } });
    expect(await execute({ command: 'withdraw', what: 'grant-credit', ...credit, reason: 'a typo' })).toMatchObject({
      status: 'proposed',
      result: { amounts: [{ amount: '150.00' }] },
    });
    // The 4000 core hours of both tenants at 0.10 have no price any more
    expect(
      await execute({ command: 'withdraw-rate', ...RATE, from: T('2026-04-02'), reason: 'no more' }),
    ).toMatchObject({
      status: 'proposed',
      result: { amounts: [{ amount: '400.00' }] },
    });
  });

  it('a fact from a billed date is proposed, by what it changes of issued lines', async () => {
    const price = { command: 'set-rate', ...RATE, unitPrice: '0.40' };
    const coupon = { command: 'grant-coupon', currency: 'USD', percent: '50', from: T('2026-04-01') };
    // Nothing is issued: 0.30 × 4000 = 1200.00 more, but all of it is open
    expect(codeOf(await execute({ ...price, effectiveFrom: T('2026-04-05') }))).toBe('done');
    expect(codeOf(await execute({ ...coupon, creditId: 'c2', tenantId: 't2' }))).toBe('done');
    // 50.00 + 2000 × 0.40 = 850.00, and 50.00 for May
    expect(await bill('t1')).toMatchObject({ total: '900.00' });
    const held = async (command: object): Promise<unknown> => {
      const outcome = await execute(command);
      return outcome.status === 'proposed' ? outcome.result.amounts.map(({ amount }) => amount) : codeOf(outcome);
    };
    // 2000 × (0.50 − 0.40) = 200.00, as much of t2 is open; after the usage nothing changes
    expect(await held({ ...price, unitPrice: '0.50', effectiveFrom: T('2026-04-06') })).toEqual(['200.00']);
    expect(await held({ ...price, unitPrice: '0.50', effectiveFrom: T('2026-04-07') })).toBe('done');
    // Half of 900.00, a fifth of it as tax
    expect(await held({ ...coupon, creditId: 'c1', tenantId: 't1' })).toEqual(['450.00']);
    const tax = { command: 'set-tax', name: 'VAT', ratePercent: '20' };
    expect(await held({ ...tax, tenantId: 't1', from: T('2026-04-01') })).toEqual(['180.00']);
    expect(await held({ ...tax, tenantId: 't2', from: T('2026-04-01') })).toBe('done');
    // The 50.00 of April and of May, and the 800.00 of 6 April
    const end = { subscriptionId: 's1', at: T('2026-04-01') };
    expect(await held({ command: 'cancel-subscription', ...end })).toEqual(['900.00']);
    expect(
      await held({ command: 'assign-deployment', deploymentId: 'd1', tenantId: 't2', from: T('2026-04-01') }),
    ).toEqual(['900.00']);
    await test.apply(plan('q', '250.00', [{ billingKind: 'cores', price: { model: 'rate_card' } }]));
    // 250.00 − 50.00 in April and in May
    expect(await held({ command: 'change-plan', ...end, planId: 'q' })).toEqual(['400.00']);
  });

  it('an inventory and a plan from a billed date are proposed', async () => {
    const hours = [{ billingKind: 'droplet_hours', price: { model: 'unit', unitAmount: '10.00' } }];
    const seen = {
      ...{ command: 'observe-resource', provider: 'do', ...RESOURCE },
      ...{ deploymentId: 'd3', seenAt: T('2026-04-01') },
    };
    await test.apply(plan('h', '300.00', hours), tenant('t3'), deployment('d3', 't3'), subscription('s3', 'd3', 'h'));
    await test.apply(seen, ...['01', '02'].map((day) => ({ command: 'run-metering', date: `2026-04-${day}` })));
    // 24 h × 10.00 on each of two days, 300.00, and 300.00 for May
    expect(await bill('t3', { unmetered: 'bill' })).toMatchObject({ total: '1080.00' });
    const moved = { ...seen, deploymentId: 'd2', seenAt: T('2026-04-02') };
    // The 240.00 of 2 April
    for (const command of [
      moved,
      {
        command: 'sync-resources',
        provider: 'do',
        seenAt: T('2026-04-02'),
        resources: [{ ...RESOURCE, deploymentId: 'd2' }],
      },
      { command: 'remove-resource', provider: 'do', providerId: 'web-1', at: T('2026-04-02') },
    ])
      expect(await execute(command)).toMatchObject({ status: 'proposed', result: { amounts: [{ amount: '240.00' }] } });
    // 600.00 − 300.00 of May
    expect(await execute(plan('h', '600.00', hours, { effectiveFrom: T('2026-05-01') }))).toMatchObject({
      status: 'proposed',
      result: { amounts: [{ amount: '300.00' }] },
    });
  });

  it('an invoice counts by its rows, and a draft does not count', async () => {
    const credit = { command: 'grant-credit', creditId: 'c', tenantId: 't1', currency: 'USD' };
    await decide('approve', await proposed({ ...credit, amount: '1000.00', from: T('2026-04-01') }));
    const { invoiceId, total } = await bill('t1');
    expect(total).toBe('0.00');
    const voiding = (id: string) => ({ command: 'void-invoice', invoiceId: id, at: T('2026-05-02') });
    // 50.00 + 200.00, and 50.00 for May, all of it drawn from the credit
    expect(await execute(voiding(invoiceId))).toMatchObject({
      status: 'proposed',
      result: { amounts: [{ amount: '300.00' }] },
    });
    const [created] = await test.apply({ command: 'create-invoice', tenantId: 't2', asOf: T('2026-05-01') });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    expect(codeOf(await execute(voiding(invoices[0]?.invoiceId ?? 'none')))).toBe('done');
  });

  it('two corrections at the same time are compared one after the other: together they may be above it', async () => {
    const usage = {
      ...{ command: 'correct-usage', deploymentId: 'd1', resourceId: 'r1', billingKind: 'cores' },
      ...{ granularity: 'hour', period: { start: T('2026-04-06'), end: '2026-04-06T01:00:00Z' }, quantity: '2900' },
      reason: 'the meter stood still',
    };
    // By itself each is below: 900 × 0.10 = 90.00; 2000 × 0.0225 = 45.00 of each tenant, 90.00 together.
    // After the first: 2900 × 0.0225 = 65.25 and 45.00 are 110.25 of the second; 900 × 0.1225 = 110.25.
    const outcomes = await Promise.all([execute(usage), execute(corrected('0.1225'), NOOR)]);
    expect(outcomes.map(codeOf).sort()).toEqual(['done', 'proposed']);
    expect(outcomes.find(({ status }) => status === 'proposed')).toMatchObject({
      result: { amounts: [{ currency: 'USD', amount: '110.25' }] },
    });
    expect(await listed('open')).toHaveLength(1);
  });

  it('approvals and corrections at the same time all end, however many', async () => {
    // More than the process has connections for locks
    const names = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];
    const credit = {
      command: 'grant-credit',
      tenantId: 't1',
      currency: 'USD',
      amount: '150.00',
      from: T('2026-04-01'),
    };
    const ids = await Promise.all(names.map(async (n) => proposed({ ...credit, creditId: `c${n}` })));
    // 4000 × 0.001 = 4.00 each
    const outcomes = await Promise.all([
      ...['0.101', '0.102'].map(async (each) => execute(corrected(each))),
      ...ids.map(async (id) => decide('approve', id)),
    ]);
    expect(outcomes.map(codeOf)).toEqual(Array.from({ length: 11 }, () => 'done'));
    expect(await listed('open')).toEqual([]);
  });

  it('an approval and a correction with the same idempotency key: one is refused', async () => {
    const proposalId = await proposed(corrected('0.05'));
    const idempotencyKey = 'monday';
    const outcomes = await Promise.all([
      execute({ command: 'approve-proposal', proposalId, idempotencyKey }, NOOR),
      execute(corrected('0.101', { idempotencyKey }), NOOR),
    ]);
    expect(outcomes.map(codeOf).sort()).toEqual(['conflicting_body', 'done']);
  });

  it('two decisions at the same time are one', async () => {
    const proposalId = await proposed(corrected('0.05'));
    const outcomes = await Promise.all([decide('approve', proposalId), decide('approve', proposalId, by('kim'))]);
    expect(outcomes.map(codeOf).sort()).toEqual(['done', 'unchanged']);
    const other = await proposed(corrected('0.08'));
    const both = await Promise.all([decide('approve', other), decide('reject', other)]);
    expect(both.map(codeOf).sort()).toEqual(['done', 'proposal_decided']);
    expect(await price()).toBe(codeOf(both[0]) === 'done' ? '0.08' : '0.05');
  });

  it('a command of a file is proposed, and the others are carried out', async () => {
    const file = [corrected('0.11'), corrected('0.05'), tenant('t3'), corrected('-1')];
    const outcomes = await Array.fromAsync(test.ledger.executeInOrder(file, MIRA));
    expect(outcomes.map(codeOf)).toEqual(['done', 'proposed', 'done', expect.any(String)]);
    expect(outcomes[3]?.status).toBe('refused');
  });

  it('an imported price that corrects another is proposed, and its row says so', async () => {
    const files = await folder();
    const list = async (unitPrice: string) =>
      backfilled(
        test,
        'rates',
        await files.write(
          'rates.csv',
          `type,family,location,price,from\n${Object.values(RATE).join(',')},${unitPrice},${T('2026-01-01')}\n`,
        ),
      );
    // 4000 × (0.05 − 0.10) = −200.00
    expect((await list('0.05')).said).toEqual([
      expect.stringMatching(
        /correct-rate is proposed\. Another person must approve it: approve-proposal [0-9a-f-]{36}/,
      ),
    ]);
    expect(await listed('open')).toMatchObject([{ proposedBy: 'test', amounts: [{ amount: '200.00' }] }]);
    expect(await price()).toBe('0.1');
    await files.remove();
  });

  it('the API answers with the proposal', async () => {
    const api = await startApi({
      ...{ ...on(test.url), jwtSecret: SECRET, ...LISTENING, logger, clock },
      ...fourEyesFrom({ LEDGERLINE_FOUR_EYES: 'USD:100.00' }),
    });
    try {
      const send = async (sub: string, command: object) => {
        const token = await mintToken(SECRET, { sub, role: 'operator', ttl: '1h' }, NOW);
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
        const answer = await fetch(`${api.url}/api/v1/commands`, {
          method: 'POST',
          headers,
          body: JSON.stringify(command),
        });
        return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
      };
      const answer = await send('mira', corrected('0.05'));
      expect(answer).toMatchObject({
        status: 200,
        body: { status: 'proposed', result: { amounts: [{ amount: '200.00' }] } },
      });
      const { proposalId } = answer.body['result'] as { proposalId: string };
      const approval = { command: 'approve-proposal', proposalId };
      expect(await send('mira', approval)).toMatchObject({ status: 403, body: { code: 'four_eyes' } });
      expect(await send('noor', approval)).toMatchObject({ status: 200, body: { status: 'done' } });
    } finally {
      await api.close();
    }
  });

  it('an approval that ended after the command was recorded is finished by sending it again', async () => {
    const proposalId = await proposed(corrected('0.05'));
    // An approval up to the crash: the command is recorded, the approval is not.
    const { proposed: of } = proposalOf(await proposalEventsOf(test.core, proposalId), proposalId);
    await carriedOut(test.core, commandOf(COMMANDS, of, NOOR), of.data);
    expect([await price(), await listed('open')]).toMatchObject(['0.05', [{ proposalId }]]);
    const [recorded] = (await Array.fromAsync(test.core.log.readAll(0))).filter(({ type }) => type === 'RateCorrected');
    const unfinished = async () =>
      (await test.ask<{ notices: { code: string }[] }>('check')).notices.filter(
        ({ code }) => code === 'proposal_unfinished',
      );
    expect(await unfinished()).toMatchObject([
      {
        ids: { proposalId, command: 'correct-rate', position: recorded?.position },
        remedy: 'Send approve-proposal again.',
      },
    ]);
    expect(codeOf(await decide('reject', proposalId))).toBe('proposal_decided');
    // It needs no second trial, which a later correction would overtake: 4000 × 0.001 = 4.00
    expect(codeOf(await execute(corrected('0.051')))).toBe('done');
    expect(codeOf(await decide('approve', proposalId, MIRA))).toBe('four_eyes');
    expect(codeOf(await decide('approve', proposalId))).toBe('done');
    expect(await price()).toBe('0.051');
    expect(await unfinished()).toEqual([]);
    expect(await listed('approved')).toMatchObject([{ proposalId, position: expect.any(Number) }]);
  });
});

it('two commands are tried at a time, the others in their order', async () => {
  const trials = new FewInOrder(2);
  const [begun, ends]: [number[], (() => void)[]] = [[], []];
  const trial = async (n: number): Promise<void> =>
    trials.run(async () => {
      begun.push(n);
      await new Promise<void>((resolve) => {
        ends.push(resolve);
      });
      if (n === 1) throw new Error('refused');
    });
  const all = Promise.allSettled([1, 2, 3, 4].map(trial));
  expect(begun).toEqual([1, 2]);
  for (const n of [0, 1, 2, 3]) {
    ends[n]?.();
    await setImmediate();
  }
  await all;
  expect(begun).toEqual([1, 2, 3, 4]);
});

describe('the limits', () => {
  it('are read from the environment, and a currency without one has the limit 0', () => {
    const limits = (LEDGERLINE_FOUR_EYES: string) => fourEyesFrom({ LEDGERLINE_FOUR_EYES }).fourEyes;
    expect(limits('USD:1000.00, EUR:900')).toEqual(
      new Map([
        ['USD', '1000'],
        ['EUR', '900'],
      ]),
    );
    expect(limits('')).toBeUndefined();
    expect(() =>
      settingsFrom({ LEDGERLINE_FOUR_EYES: 'USD:1,QQQ:2,USD:3,EUR:-1,JPY:0.5', LEDGERLINE_PORT: 'x' }),
    ).toThrow(
      /LEDGERLINE_PORT must be.*\n.*LEDGERLINE_FOUR_EYES must be limits such as "USD:1000.00,EUR:900": "QQQ" is not an ISO 4217 currency; USD is given twice; "EUR:-1" has no amount of at least 0; JPY:0.5 has more decimals than JPY/,
    );
  });

  it('do not apply by default', async () => {
    test = await testLedger();
    await test.apply(...STORY);
    expect(codeOf(await execute(corrected('0.05')))).toBe('done');
    expect(await listed()).toEqual([]);
    await test.close();
  });

  it('with the limit 0, details of a person and a time zone are two commands', async () => {
    test = await started('EUR:0');
    await test.apply(...STORY);
    const zone = { command: 'correct-tenant', tenantId: 't1', timeZone: 'Asia/Tokyo', reason: 'as agreed' };
    const details = { command: 'correct-tenant', tenantId: 't1', email: 'a@b.example', reason: 'as agreed' };
    expect(await execute({ ...zone, ...details })).toMatchObject({
      error: {
        code: 'details_apart',
        message: expect.stringContaining('Send the personal details (email) in a command of their own.'),
      },
    });
    expect(codeOf(await execute(details))).toBe('done');
    expect(codeOf(await execute(zone))).toBe('proposed');
    expect(codeOf(await execute({ ...zone, ...details, email: 'c@d.example' }))).toBe('details_apart');
    const logged = await Array.fromAsync(test.core.log.readAll(0));
    expect(logged.filter(({ data }) => data.includes('.example'))).toEqual([]);
    await test.close();
  });
});

/** Without where in the log something was recorded. */
const booksOf = async (of: TestLedger): Promise<object> => {
  const books = {
    lines: await of.ask('lines', { at: T('2026-05-01') }),
    rates: await of.ask('rates', { at: T('2026-04-20') }),
    invoices: await of.ask('invoices'),
    failures: (await of.check()).failures,
  };
  const isOfLog = (field: string): boolean => ['position', 'recordedAt', 'computedAt'].includes(field);
  return JSON.parse(JSON.stringify(books, (field, value: unknown) => (isOfLog(field) ? null : value))) as object;
};

describe('proposed and approved', () => {
  it('any history ends as if one person had carried it out', async () => {
    let approved = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 12, maxLength: 20 }), async (happenings) => {
        const [alone, two] = [await testLedger(), await started('USD:0')];
        try {
          const approving = async (command: object): Promise<CommandOutcome> => {
            const outcome = await two.ledger.execute(command, ADMIN);
            if (outcome.status !== 'proposed') return outcome;
            const { proposalId } = outcome.result;
            approved += 1;
            return two.ledger.execute({ command: 'approve-proposal', proposalId }, { ...ADMIN, actor: 'noor' });
          };
          await Promise.all([alone.apply(...BEGINNING), two.apply(...BEGINNING)]);
          const [issued, alsoIssued]: [string[], string[]] = [[], []];
          for (const happening of happenings) {
            await live(alone, happening, issued);
            await live(two, happening, alsoIssued, approving);
          }
          expect(await booksOf(two)).toEqual({ ...(await booksOf(alone)), failures: [] });
        } finally {
          await Promise.all([alone.close(), two.close()]);
        }
      }),
      checkedOn(3),
    );
    expect(approved).toBeGreaterThan(0);
  });
});

const FACTS: fc.Arbitrary<object> = fc
  .record({
    n: fc.constantFrom('1', '2'),
    from: fc.integer({ min: 1, max: 30 }).map((day) => T(`2026-04-${String(day).padStart(2, '0')}`)),
  })
  .chain(({ n, from }) =>
    fc.constantFrom(
      {
        command: 'set-rate',
        resourceType: 'VmCores',
        resourceFamily: 'standard',
        location: 'eu',
        unitPrice: '0.7',
        effectiveFrom: from,
      },
      { command: 'set-tax', tenantId: `t${n}`, name: 'VAT', ratePercent: '7', from },
      { command: 'grant-coupon', creditId: 'c', tenantId: `t${n}`, currency: 'USD', percent: '10', from },
      { command: 'cancel-subscription', subscriptionId: `s${n}`, at: from },
      { command: 'assign-deployment', deploymentId: `d${n}`, tenantId: n === '1' ? 't2' : 't1', from },
    ),
  );

describe('with the limit 0', () => {
  it('no command that one person carries out changes what was issued', async () => {
    let [alone, proposedAbove] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(step, FACTS), { minLength: 15, maxLength: 25 }), async (happenings) => {
        test = await started('USD:0');
        try {
          await test.apply(...BEGINNING);
          const issued: string[] = [];
          const compared = async (command: object): Promise<CommandOutcome> => {
            const before = await billedOf(test);
            const outcome = await test.ledger.execute(command, ADMIN);
            if (outcome.status === 'proposed') proposedAbove += 1;
            if (outcome.status === 'done' && !CHANGING.has(outcome.command)) {
              alone += 1;
              expect([command, await billedOf(test)]).toEqual([command, before]);
            }
            return outcome;
          };
          for (const happening of happenings) await live(test, happening, issued, compared);
        } finally {
          await test.close();
        }
      }),
      checkedOn(2),
    );
    expect([alone, proposedAbove].map((count) => count > 0)).toEqual([true, true]);
  });
});

/** Readings are not held, and these bill. */
const CHANGING: ReadonlySet<string> = new Set(['observe-usage', 'create-invoice', 'issue-invoice']);

/** Of each tenant, the total of its issued invoices with the corrections that the next one would book. */
async function billedOf(of: TestLedger): Promise<string[]> {
  const { items } = await of.ask<{ items: { tenantId: string; status: string; total: string }[] }>('invoices');
  return Promise.all(
    ['t1', 't2'].map(async (tenantId) => {
      const { lines } = await of.ask<{ lines: { correction: boolean; rows: { net: string; tax: string }[] }[] }>(
        'invoice-preview',
        { tenantId, at: ADMIN.now },
      );
      const corrections = lines.filter(({ correction }) => correction).flatMap(({ rows }) => rows);
      const totals = items.filter((each) => each.tenantId === tenantId && each.status === 'issued');
      return text(
        sum([
          ...totals.map(({ total }) => decimal(total)),
          ...corrections.flatMap(({ net, tax }) => [decimal(net), decimal(tax)]),
        ]),
      );
    }),
  );
}
