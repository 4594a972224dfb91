import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evaluateAlerts } from '#billing/alerts/evaluate-alerts';
import { evaluateBudgets } from '#billing/budgets/evaluate-budgets';
import { projections } from '#projections/index';
import { compareSchemas } from '#read-model/compare';
import { Projector } from '#read-model/projector';
import { Told } from '../support/histories/books.js';
import { StatedSoFar } from '../support/histories/stated-so-far.js';
import { statementsIn } from '../support/histories/statements.js';
import { CLASSIC, dayAt, setUp, TENANTS } from '../support/histories/world.js';
import { history } from '../support/history.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { propose } from '../support/proposals.js';
import { expectReplayToBeLive } from '../support/replay.js';

const T = (date: string) => `${date}T00:00:00Z`;
const SEED = Number(process.env['PROPERTY_SEED'] ?? '20261121');

/** The tables that are not the same in the live read models and in others, by a hash of their rows. */
async function differing({ core }: TestLedger, schema: string): Promise<string[]> {
  const client = await core.pool.connect();
  try {
    const { tables } = await compareSchemas(
      client,
      'ledgerline',
      schema,
      projections.map(({ money: _sums, ...projection }) => projection),
    );
    return tables
      .filter(({ onlyLive, onlyShadow, different }) => onlyLive + onlyShadow + different > 0)
      .map(({ table }) => table);
  } finally {
    client.release();
  }
}

/** Projects the log in batches that end at these positions. */
async function replayedIn({ core }: TestLedger, schema: string, positions: readonly number[]): Promise<void> {
  await core.pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  const stepped = new Projector(core.log, core.pool, projections, schema);
  await stepped.prepare();
  for (const position of positions) expect(await stepped.projectExactly(position)).toBe(position);
}

/** The positions at which batches end. */
const cutsOf = (head: number): fc.Arbitrary<readonly number[]> =>
  fc
    .uniqueArray(fc.integer({ min: 1, max: head }), { maxLength: 12 })
    .map((positions) => [...new Set([...positions, head])].sort((a, b) => a - b));

/** Facts of every kind are stated, corrected and withdrawn, with an invoice of each tenant after every tenth. */
async function correctedHistory(test: TestLedger): Promise<void> {
  const [told, soFar] = [new Told(test), new StatedSoFar(CLASSIC)];
  await told.apply(...setUp(CLASSIC));
  for (const [index, state] of fc.sample(statementsIn(CLASSIC), { numRuns: 60, seed: SEED }).entries()) {
    if (index % 10 === 9) for (const id of TENANTS) await told.bill(id, dayAt(index), dayAt(64));
    const statement = state(soFar);
    if (statement === null) continue;
    const { status } = await told.execute({ ...statement.command, idempotencyKey: `statement-${index}` });
    if (status === 'done') soFar.add(statement);
  }
}

describe('a replay of a history in which every kind of fact is corrected', () => {
  let test: TestLedger;
  beforeAll(async () => {
    test = await testLedger();
    await correctedHistory(test);
    await test.ledger.catchUp();
  });
  afterAll(async () => test.close());

  it('gives the live read models, whether all its events are one batch or each is one', async () => {
    const head = await test.core.log.head();
    await replayedIn(test, 'at_once', [head]);
    expect(await differing(test, 'at_once')).toEqual([]);
    await replayedIn(
      test,
      'one_by_one',
      Array.from({ length: head }, (_, index) => index + 1),
    );
    expect(await differing(test, 'one_by_one')).toEqual([]);
  });

  it('gives them with any size of batches', async () => {
    const cuts = cutsOf(await test.core.log.head());
    await fc.assert(
      fc.asyncProperty(cuts, async (positions) => {
        await replayedIn(test, 'stepped', positions);
        expect(await differing(test, 'stepped')).toEqual([]);
      }),
      { numRuns: 8, seed: SEED },
    );
  });
});

const ofTotal = { provider: 'aws', invoiceRef: '1', currency: 'USD' };
const WEBHOOK = { command: 'register-webhook', webhookId: 'books', url: 'https://books.example/' };
const TOTAL = { command: 'record-provider-total', ...ofTotal, period: '2026-04', total: '9.00', tax: '0.00' };
const SHARING = { command: 'set-cost-sharing', policyId: 'rest', costs: { unattributed: true } };
const PAYMENT = { tenantId: 't1', currency: 'USD', at: '2026-07-01T00:00:00Z' };
const TRANSFER = { payerId: 'holding', currency: 'USD', at: '2026-07-01T00:00:00Z', amount: '5.00' };
/** Of one that t1 is to pay itself. */
const CONSOLIDATED = {
  ...{ command: 'issue-consolidated-invoice', payerId: 't1', currency: 'USD', at: '2026-07-01T00:00:00Z' },
  invoiceIds: ['INV-000001'],
};
const MAPPING = { command: 'set-kind-mapping', provider: 'p', kind: 'vm' };

describe('a replay from nothing', () => {
  let test: TestLedger;
  beforeAll(async () => {
    test = await testLedger();
    await history(test);
    await test.apply(
      { command: 'issue-token', tokenId: 'k', actor: 'x', role: 'auditor', expiresAt: '2036-01-01T00:00:00Z' },
      { command: 'revoke-token', tokenId: 'k', reason: 'lost' },
      { command: 'close-period', month: '2026-03' },
      { command: 'record-payment', ...PAYMENT, paymentId: 'p1', amount: '1000.00' },
      { command: 'record-refund', ...PAYMENT, paymentId: 'p1', refundId: 'r1', amount: '1.00' },
      { command: 'record-payment', ...PAYMENT, paymentId: 'p2', amount: '7.00' },
      {
        command: 'withdraw',
        what: 'record-payment',
        tenantId: 't1',
        currency: 'USD',
        paymentId: 'p2',
        reason: 'never',
      },
      { command: 'register-tenant', tenantId: 'holding', name: 'Holding', currency: 'USD' },
      { command: 'set-payer', tenantId: 't1', payerId: 'holding', effectiveFrom: '2026-04-01T00:00:00Z' },
      { command: 'record-transfer', ...TRANSFER, transferId: 'stands' },
      { command: 'record-transfer', ...TRANSFER, transferId: 'never' },
      {
        ...{ command: 'withdraw', what: 'record-transfer', payerId: 'holding', currency: 'USD', transferId: 'never' },
        reason: 'never',
      },
      CONSOLIDATED,
      { command: 'void-consolidated-invoice', consolidatedInvoiceId: 'CI-000001', at: '2026-07-01T00:00:00Z' },
      { command: 'set-cost-rate', billingKind: 'cpu', unitCost: '0.01', effectiveFrom: '2026-04-01T00:00:00Z' },
      // May has other terms, and after it those of April hold again.
      { ...SHARING, method: 'even', effectiveFrom: '2026-04-01T00:00:00Z' },
      { ...SHARING, method: 'revenue', effectiveFrom: '2026-05-01T00:00:00Z', effectiveUntil: '2026-06-01T00:00:00Z' },
      { ...MAPPING, billingKinds: ['vm', 'requests'], effectiveFrom: '2026-04-01T00:00:00Z' },
      {
        ...MAPPING,
        billingKinds: ['vm'],
        effectiveFrom: '2026-05-01T00:00:00Z',
        effectiveUntil: '2026-06-01T00:00:00Z',
      },
      WEBHOOK,
      { command: 'pause-webhook', webhookId: 'books', reason: 'a test' },
      TOTAL,
      { command: 'correct-provider-total', ...ofTotal, total: '8.00', reason: 'a typo' },
      { command: 'reject-proposal', proposalId: await propose(test.core, 'rejected'), reason: 'not agreed' },
    );
    await propose(test.core, 'open');
    await test.apply({
      ...{
        command: 'set-overrides',
        subscriptionId: 's1',
        tenantId: 't1',
        baseFee: '1.00',
        effectiveFrom: '2026-04-05T00:00:00Z',
      },
      effectiveUntil: '2026-04-20T00:00:00Z',
    });
    const committed = {
      ...{ commitmentId: 'c', subscriptionId: 's1', tenantId: 't1', currency: 'USD' },
      terms: [{ start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z', amount: '5.00' }],
    };
    await test.apply(
      { command: 'set-commitment', ...committed },
      { command: 'correct-commitment', ...committed, billingKinds: ['vm'], reason: 'as signed' },
    );
    // Any usage and any fee reach it.
    await test.apply({
      ...{ command: 'set-budget', tenantId: 't1', budgetId: 'monthly', amount: '0.01' },
      effectiveFrom: '2026-04-01T00:00:00Z',
    });
    await test.ledger.catchUp();
    expect((await evaluateBudgets(test.core, ADMIN, null)).reached).toBeGreaterThan(0);
    // No margin is above 100 %, except where the cost is a credit.
    await test.apply({
      ...{ command: 'set-margin-alert', alertId: 'low', when: 'margin_below', percent: '100' },
      effectiveFrom: '2026-04-01T00:00:00Z',
    });
    await test.ledger.catchUp();
    expect((await evaluateAlerts(test.core, ADMIN, null)).raised).toBeGreaterThan(0);
  });
  afterAll(async () => test.close());

  it('gives the live read models, row for row and version for version', async () => {
    await test.ledger.catchUp();
    // Live was projected command by command, the replay in one batch: what a table is must not depend on that.
    const counts = await expectReplayToBeLive(test.url);
    // The history has something of everything but metering by the hour, what retention prunes (retention.spec), and
    // deliveries of bills (backfill-costs.spec).
    expect([...counts].filter(([, rows]) => rows === 0).map(([name]) => name)).toEqual([
      'metering_configurations',
      'pruned_usage',
      'cost_deliveries',
    ]);
  });

  it('gives them with any size of batches', async () => {
    const cuts = cutsOf(await test.core.log.head());
    await fc.assert(
      fc.asyncProperty(cuts, async (positions) => {
        await replayedIn(test, 'stepped', positions);
        expect(await differing(test, 'stepped')).toEqual([]);
      }),
      { numRuns: 4, seed: SEED },
    );
  });

  it('finds the lines of a rate as of then, also if the batch has usage of it', async () => {
    const later = { resourceType: 'gpu', resourceFamily: 'standard', location: 'de' };
    // On a line that is billed already; nothing has used the key when its rate is set.
    await test.apply({
      command: 'set-rate',
      ...later,
      unitPrice: '1.00',
      basis: 'amount',
      effectiveFrom: T('2026-04-01'),
    });
    await test.ledger.catchUp();
    await test.apply({
      command: 'observe-usage',
      deploymentId: 'd1',
      observations: [
        {
          resourceId: 'g',
          billingKind: 'vm',
          period: { start: T('2026-04-03'), end: T('2026-04-04') },
          granularity: 'day',
          quantity: '1',
          rateKey: later,
        },
      ],
    });
    await test.ledger.catchUp();
    await expectReplayToBeLive(test.url, 'replayed_again');
  });

  it('gives them also like a rebuild, by COPY and set-wise', async () => {
    const { tables, money } = await test.ledger.rebuilder.rebuild({ preview: true });
    expect(tables.filter(({ onlyLive, onlyShadow, different }) => onlyLive + onlyShadow + different > 0)).toEqual([]);
    expect(money).toEqual([]);
  });
});
