import fc from 'fast-check';
import type { CommandOutcome } from '#ledger/command';
import { ADMIN, type TestLedger } from './ledger.js';

const T = (date: string) => `${date}T00:00:00Z`;
const day = (n: number): string => `2026-04-${String(n).padStart(2, '0')}`;
const KEY = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };
const PRICES = ['0.3', '0.0333', '1.005', '0'] as const;

/** A tenant, a plan with something of each kind, and a month that has begun. */
export const BEGINNING: readonly object[] = [
  ...['t1', 't2'].map((tenantId) => ({
    command: 'register-tenant',
    tenantId,
    name: tenantId,
    currency: 'USD',
    tax: { name: 'VAT', ratePercent: '21', from: T('2026-01-01') },
  })),
  ...['d1', 'd2'].map((deploymentId, index) => ({
    command: 'register-deployment',
    deploymentId,
    tenantId: `t${index + 1}`,
    name: deploymentId,
    from: T('2026-04-01'),
  })),
  {
    command: 'publish-plan',
    planId: 'p',
    name: 'p',
    currency: 'USD',
    baseFee: '10',
    paymentTerm: 'in_advance',
    effectiveFrom: T('2026-01-01'),
    items: [
      {
        billingKind: 'requests',
        included: '20',
        pooled: true,
        price: {
          model: 'graduated',
          tiers: [
            { upTo: '30', unitAmount: '0.333' },
            { upTo: null, unitAmount: '0.1' },
          ],
        },
        commitments: { maximum: '25' },
      },
      { billingKind: 'vm', price: { model: 'rate_card' }, discounts: { percentage: '10' } },
    ],
  },
  ...['1', '2'].map((n) => ({
    command: 'start-subscription',
    subscriptionId: `s${n}`,
    deploymentId: `d${n}`,
    planId: 'p',
    from: T('2026-04-01'),
  })),
  { command: 'set-rate', ...KEY, unitPrice: '0.3', effectiveFrom: T('2026-01-01') },
];

const arbitraryDay = fc.integer({ min: 1, max: 30 });
const deployment = fc.constantFrom('d1', 'd2');
const reading = fc.record({
  deploymentId: deployment,
  kind: fc.constantFrom('requests', 'vm'),
  at: arbitraryDay,
  resource: fc.constantFrom('a', 'b'),
  quantity: fc.integer({ min: 0, max: 40 }),
});
const keyOf = ({
  deploymentId,
  kind,
  at,
  resource,
}: {
  deploymentId: string;
  kind: string;
  at: number;
  resource: string;
}) => ({
  deploymentId,
  reading: {
    resourceId: resource,
    billingKind: kind,
    period: { start: T(day(at)), end: `${day(at)}T12:00:00Z` },
    granularity: 'event',
  },
});

const termsOf = (amount: string) => [{ start: T('2026-04-01'), end: T('2026-05-01'), amount }];

/** One thing that happens. Some are refused, as they would be in life. */
export const step: fc.Arbitrary<object> = fc.oneof(
  {
    weight: 5,
    arbitrary: reading.map((each) => ({
      command: 'observe-usage',
      deploymentId: each.deploymentId,
      observations: [
        { ...keyOf(each).reading, quantity: String(each.quantity), ...(each.kind === 'vm' ? { rateKey: KEY } : {}) },
      ],
    })),
  },
  {
    weight: 2,
    arbitrary: reading.map((each) => ({
      command: 'correct-usage',
      deploymentId: each.deploymentId,
      ...keyOf(each).reading,
      quantity: each.quantity < 4 ? null : String(each.quantity),
      reason: 'read again',
    })),
  },
  {
    weight: 2,
    arbitrary: fc.record({ from: arbitraryDay, price: fc.constantFrom(...PRICES) }).map(({ from, price }) => ({
      command: 'correct-rate',
      ...KEY,
      unitPrice: price,
      effectiveFrom: T(day(from)),
      reason: 'another price',
    })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ from: arbitraryDay, amount: fc.constantFrom('0.01', '0.07') }).map(({ from, amount }) => ({
      command: 'correct-price',
      planId: 'p',
      billingKind: 'requests',
      price: { model: 'unit', unitAmount: amount },
      effectiveFrom: T(day(from)),
      reason: 'another plan',
    })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ tenantId: fc.constantFrom('t1', 't2'), at: arbitraryDay.map(day) })
      .map(({ tenantId, at }) => ({ bill: tenantId, at: T(at) })),
  },
  // The true-ups of April.
  { weight: 1, arbitrary: fc.constantFrom('t1', 't2').map((tenantId) => ({ bill: tenantId, at: T('2026-05-03') })) },
  {
    weight: 2,
    arbitrary: fc
      .record({ n: fc.constantFrom('1', '2'), amount: fc.constantFrom('9.99', '30', '45.5'), how: fc.nat(3) })
      .map(({ n, amount, how }) => {
        const of = { commitmentId: 'c', subscriptionId: `s${n}` };
        const stated = { ...of, tenantId: `t${n}`, currency: 'USD', terms: termsOf(amount) };
        if (how > 1) return { command: 'set-commitment', ...stated };
        const reason = 'agreed otherwise';
        if (how === 1) return { command: 'correct-commitment', ...stated, reason };
        return { command: 'withdraw', what: 'set-commitment', ...of, reason };
      }),
  },
  // While t1 pays for t2, they share what is included.
  {
    weight: 2,
    arbitrary: fc
      .record({ at: fc.constantFrom('2026-04-01', '2026-04-20', '2026-05-01'), how: fc.nat(3), isPaid: fc.boolean() })
      .map(({ at, how, isPaid }) => {
        const stated = { tenantId: 't2', payerId: isPaid ? 't1' : null, effectiveFrom: T(at) };
        if (how > 1) return { command: 'set-payer', ...stated };
        const reason = 'agreed otherwise';
        if (how === 1) return { command: 'correct-payer', ...stated, reason };
        return { command: 'withdraw', what: 'set-payer', tenantId: 't2', effectiveFrom: T(at), reason };
      }),
  },
  { weight: 1, arbitrary: fc.nat(1).map((n) => ({ void: n })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ n: fc.integer({ min: 1, max: 99 }), amount: fc.integer({ min: 1, max: 30 }) })
      .map(({ n, amount }) => ({
        command: 'record-cost',
        provider: 'do',
        invoiceRef: `c${n}`,
        lines: [
          {
            lineKey: '1',
            kind: 'droplet',
            chargePeriod: { start: T('2026-04-10'), end: T('2026-05-10') },
            amount: `${amount}.333`,
            currency: 'USD',
            category: 'usage',
            tenantId: 't1',
          },
        ],
      })),
  },
);

/**
 * Carries out what happens; refusals are part of life. `bill` drafts and issues, `void` voids the last or the one
 * before. `run`: carries out a command.
 */
export async function live(
  { ledger }: TestLedger,
  happening: object,
  issued: string[],
  run = async (command: object): Promise<CommandOutcome> => ledger.execute(command, ADMIN),
): Promise<void> {
  if ('bill' in happening) {
    const { bill: tenantId, at } = happening as { bill: string; at: string };
    const created = await run({ command: 'create-invoice', tenantId, asOf: at });
    const { invoices = [] } = ('result' in created ? (created.result ?? {}) : {}) as {
      invoices?: { invoiceId: string }[];
    };
    for (const { invoiceId } of invoices)
      if ((await run({ command: 'issue-invoice', invoiceId, at })).status === 'done') issued.push(invoiceId);
    return;
  }
  if ('void' in happening) {
    const invoiceId = issued.at(-1 - (happening as { void: number }).void);
    if (invoiceId !== undefined)
      await run({ command: 'void-invoice', invoiceId, at: T('2026-05-04'), reason: 'made wrong' });
    return;
  }
  await run(happening);
}
