import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { instant } from '#domain/time/instant';
import { invoiceRun } from '#operations/invoice-run';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';
import { checkedOn } from '../support/properties.js';

// A run reads and writes for many tenants together. It records what the commands for one tenant after another record.

const MID_APRIL = '2026-04-16T00:00:00Z';
const MAY = '2026-05-01T00:00:00Z';
/** Several groups of tenants are billed, one after another. */
const [TENANTS, TENANTS_AT_ONCE] = [11, 4];

/** What is special about a tenant. Few are: most of a run is alike. */
const special = fc.record({
  tenant: fc.nat(TENANTS - 1),
  what: fc.constantFrom(
    ...([
      'billed before',
      'corrected',
      'without a rate',
      'credit',
      'coupon',
      'nothing',
      'drafted',
      'in euro',
      'paid for',
    ] as const),
  ),
});
const arbitrary = fc.record({
  quantities: fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 3, maxLength: 3 }),
  specials: fc.array(special, { minLength: 3, maxLength: 9 }),
});
type Story = typeof arbitrary extends fc.Arbitrary<infer Value> ? Value : never;

const nameOf = (index: number): string => `t${String(index).padStart(2, '0')}`;

const used = (deploymentId: string, billingKind: string, date: string, quantity: string, more: object = {}) => ({
  command: 'observe-usage',
  deploymentId,
  observations: [
    {
      resourceId: 'r',
      billingKind,
      period: { start: `${date}T00:00:00Z`, end: `${date}T01:00:00Z` },
      granularity: 'hour',
      quantity,
      ...more,
    },
  ],
});

const KEY = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' };

function ordinaryCommands({ quantities }: Story): object[] {
  const tenants = Array.from({ length: TENANTS }, (_, index) => nameOf(index));
  const ordinary = tenants.flatMap((id, index) => [
    tenant(id, { tax: { name: 'VAT', ratePercent: '21', from: '2026-01-01T00:00:00Z' } }),
    deployment(id, id),
    subscription(id, id, 'p'),
    used(id, 'requests', '2026-04-10', String(quantities[index % quantities.length])),
    used(id, 'traffic', '2026-04-10', String(quantities[(index + 1) % quantities.length])),
  ]);
  return [
    plan('p', '10', [
      { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.333' } },
      { billingKind: 'vm', price: { model: 'rate_card' } },
      { billingKind: 'traffic', price: { model: 'unit', unitAmount: '0.11' }, included: '20', pooled: true },
    ]),
    plan('p-eu', '4', [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.2' } }], { currency: 'EUR' }),
    ...ordinary,
  ];
}

function specialCommands(id: string, what: Story['specials'][number]['what']): object[] {
  const granted = { tenantId: id, currency: 'USD', creditId: what, from: MID_APRIL };
  switch (what) {
    case 'billed before':
      return [{ bill: id, asOf: MID_APRIL }];
    case 'corrected':
      return [{ bill: id, asOf: MID_APRIL }, used(id, 'requests', '2026-04-02', '7')];
    case 'without a rate':
      return [used(id, 'vm', '2026-04-20', '3', { rateKey: KEY })];
    case 'credit':
      return [{ command: 'grant-credit', ...granted, amount: '5' }];
    case 'coupon':
      return [{ command: 'grant-coupon', ...granted, percent: '50' }];
    case 'nothing':
      return [
        { command: 'cancel-subscription', subscriptionId: id, at: '2026-04-01T00:00:00Z', reason: 'never began' },
      ];
    case 'in euro':
      return [
        { command: 'correct-tenant', tenantId: id, currencies: ['EUR'], reason: 'another currency' },
        deployment(`${id}-eu`, id),
        subscription(`${id}-eu`, `${id}-eu`, 'p-eu'),
        used(`${id}-eu`, 'requests', '2026-04-11', '9'),
      ];
    case 'paid for':
      return [
        { command: 'set-payer', tenantId: id, payerId: nameOf(0), effectiveFrom: '2026-04-01T00:00:00Z' },
        used(id, 'traffic', '2026-04-11', '30'),
      ];
    case 'drafted':
      return [{ command: 'create-invoice', tenantId: id, asOf: MAY }];
  }
}

const zBill = z.object({ bill: z.string(), asOf: z.string() });
const zCreated = z.object({ invoices: z.array(z.object({ invoiceId: z.string() })) });

/** As the command line did before runs read together: one tenant at a time, and one command at a time. */
async function bill({ ledger }: TestLedger, tenantId: string, asOf: string): Promise<void> {
  const created = await ledger.execute({ command: 'create-invoice', tenantId, asOf }, ADMIN);
  if (created.status === 'refused') throw new Error(created.error.message);
  for (const { invoiceId } of zCreated.parse(created.result).invoices) {
    const issued = await ledger.execute({ command: 'issue-invoice', invoiceId, at: asOf }, ADMIN);
    if (issued.status === 'refused') throw new Error(issued.error.message);
  }
}

/** A story may repeat a fact: some of its commands are refused, on both ledgers. Returns the last position. */
async function lived(test: TestLedger, story: Story): Promise<number> {
  await Array.fromAsync(test.ledger.executeInOrder(ordinaryCommands(story), ADMIN));
  for (const command of story.specials.flatMap(({ tenant: index, what }) => specialCommands(nameOf(index), what))) {
    const billed = zBill.safeParse(command).data;
    if (billed !== undefined) await bill(test, billed.bill, billed.asOf);
    else await test.ledger.execute(command, ADMIN);
  }
  return test.ledger.catchUp();
}

/** Attempts are random. A position, and what follows from it, depends on what else was recorded meanwhile. */
const VARYING: ReadonlySet<string> = new Set(['attempt', 'computedAt', 'tree', 'detailsRef', 'detailsHash']);

/** The events since a position: those of each stream in their order, and all issues in the order of the log. */
async function recorded({ core }: TestLedger, since: number) {
  const events = await Array.fromAsync(core.log.readAll(since));
  const dataOf = (data: string): unknown =>
    JSON.parse(data, (key, value: unknown) => (VARYING.has(key) ? undefined : value));
  const streams = Map.groupBy(events, ({ stream }) => stream);
  return {
    streams: Object.fromEntries(
      [...streams]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([stream, of]) => [stream, of.map(({ type, data }) => [type, dataOf(data)])]),
    ),
    issued: events.filter(({ type }) => type === 'InvoiceIssued').map(({ stream }) => stream),
  };
}

describe('a run over many tenants', () => {
  it('records what one command after another records', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, async (story) => {
        const [together, oneByOne] = await Promise.all([testLedger(), testLedger()]);
        try {
          const since = await Promise.all([together, oneByOne].map(async (test) => lived(test, story)));
          const tenantIds = Array.from({ length: TENANTS }, (_, index) => nameOf(index));
          const failed: string[] = [];
          const wanted = {
            ...{ asOf: instant(MAY), issue: true, tenantsAtOnce: TENANTS_AT_ONCE },
            tenantIds: tenantIds.toSpliced(5, 0, 'nobody'),
          };
          for await (const { tenantId, failure } of invoiceRun(together.ledger, ADMIN, wanted))
            if (failure !== null) failed.push(tenantId);
          // The failure of one does not stop the others.
          expect(failed).toEqual(['nobody']);
          for (const id of tenantIds) await bill(oneByOne, id, MAY);
          const expected = await recorded(oneByOne, since[1] ?? 0);
          // At most 9 tenants have nothing to be billed.
          expect(expected.issued.length).toBeGreaterThanOrEqual(TENANTS - 9);
          expect(await recorded(together, since[0] ?? 0)).toEqual(expected);
        } finally {
          await Promise.all([together.close(), oneByOne.close()]);
        }
      }),
      checkedOn(6),
    );
  });
});
