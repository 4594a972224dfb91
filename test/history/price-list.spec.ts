import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decimal } from '#domain/money/decimal';
import { type TestLedger, testLedger } from '../support/ledger.js';
import { commandsOf, type ListChange, PriceList, priceListHistory } from './price-list.js';

/**
 * Three years of a real price list, as it was recorded: what was believed after each change, and invoices that were
 * issued on what was wrong.
 */

interface Rate {
  readonly resourceType: string;
  readonly resourceFamily: string;
  readonly location: string;
  readonly unitPrice: string;
  readonly effectiveFrom: string;
  readonly effectiveUntil: string | null;
}

let test: TestLedger;
/** By change: the position of its last event, and the list as it then was. */
const recorded: { change: ListChange; position: number; list: PriceList }[] = [];
const invoiced: Record<string, { total: string; corrects: boolean }[]> = {};

const LANTERN = { resourceType: 'PostgresStorage', resourceFamily: 'lantern', location: 'hetzner-fsn1' };
const US = { resourceType: 'PostgresStorage', resourceFamily: 'standard', location: 'leaseweb-wdc02' };
/** 512 GiB for the 1,440 minutes of a day. */
const GIB_MINUTES_A_DAY = '737280';

const T = (date: string) => `${date}T00:00:00Z`;
const days = (from: string, count: number): string[] =>
  Array.from({ length: count }, (_, day) =>
    new Date(Date.parse(T(from)) + day * 86_400_000).toISOString().slice(0, 10),
  );
const following = (date: string): string => days(date, 2)[1] ?? date;

const opened = (id: string, rateKey: object, from: string, count: number): object[] => [
  { command: 'register-tenant', tenantId: id, name: id, currency: 'USD' },
  { command: 'register-deployment', deploymentId: id, tenantId: id, name: id, from: T(from) },
  { command: 'start-subscription', subscriptionId: id, deploymentId: id, planId: 'storage', from: T(from) },
  {
    command: 'observe-usage',
    deploymentId: id,
    observations: days(from, count).map((day) => ({
      resourceId: 'disk',
      billingKind: 'storage',
      period: { start: T(day), end: T(following(day)) },
      granularity: 'day',
      quantity: GIB_MINUTES_A_DAY,
      rateKey,
    })),
  },
];

async function bill(tenantId: string, asOf: string): Promise<void> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId, asOf: T(asOf) });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  for (const { invoiceId } of invoices) {
    await test.apply({ command: 'issue-invoice', invoiceId, at: T(asOf) });
    const { total, lines } = await test.ask<{ total: string; lines: { rows: { kind: string }[] }[] }>('invoice', {
      id: invoiceId,
    });
    (invoiced[tenantId] ??= []).push({
      total,
      corrects: lines.some(({ rows }) => rows.some(({ kind }) => kind !== 'charge')),
    });
  }
}

/** Invoices that are issued right after the change of this subject. */
const BILLED: Readonly<Record<string, readonly (readonly [tenantId: string, asOf: string])[]>> = {
  'Update lantern pricing': [['october', '2024-10-20']],
  'Update lantern storage pricing': [['october', '2024-11-01']],
  'Fix typo in lantern storage pricing': [['january', '2025-02-01']],
  'Update PostgreSQL storage prices for US regions': [['us', '2024-06-01']],
  'Enable us-east-a2 region for VMs and PG': [['us', '2024-07-01']],
  'Fix storage pricing in US': [['us', '2024-08-01']],
};
/** The entry of January's typo: 64 times too high. */
const isTypo = ({ changes }: ListChange): boolean =>
  changes.some(([kind, , , family, , price]) => kind === 'added' && family === 'lantern' && price === '0.0001904762');

beforeAll(async () => {
  test = await testLedger();
  await test.apply(
    {
      command: 'publish-plan',
      planId: 'storage',
      name: 'storage',
      currency: 'USD',
      baseFee: '0',
      paymentTerm: 'in_arrears',
      effectiveFrom: T('2023-01-01'),
      items: [{ billingKind: 'storage', price: { model: 'rate_card' } }],
    },
    ...opened('october', LANTERN, '2024-10-10', 22),
    ...opened('january', LANTERN, '2025-01-01', 31),
    ...opened('us', US, '2024-05-01', 92),
  );
  const list = new PriceList();
  const before = new PriceList();
  for (const change of priceListHistory()) {
    list.apply(change);
    await test.apply(...commandsOf(before, list, change));
    before.apply(change);
    const then = new PriceList();
    for (const each of [...recorded.map((past) => past.change), change]) then.apply(each);
    recorded.push({ change, position: await test.ledger.catchUp(), list: then });
    for (const [tenantId, asOf] of BILLED[change.subject] ?? []) await bill(tenantId, asOf);
    if (isTypo(change)) await bill('january', '2025-01-05');
  }
});
afterAll(async () => test.close());

const keyOf = ({ resourceType, resourceFamily, location }: Rate): string =>
  JSON.stringify([resourceType, resourceFamily, location]);
const rates = async (params: object = {}): Promise<Rate[]> =>
  (await test.ask<{ items: Rate[] }>('rates', { limit: 10_000, ...params })).items;
const priceOf = async (key: object, at: string, subject: string): Promise<string | undefined> =>
  (
    await rates({
      ...key,
      at: T(at),
      knownAt: String(recorded.find(({ change }) => change.subject === subject)?.position),
    })
  )[0]?.unitPrice;

describe('three years of a price list', () => {
  it('are all recorded, in the order of recording', () => {
    expect(recorded.length).toBe(109);
    expect(recorded.reduce((count, { change }) => count + change.changes.length, 0)).toBe(1263);
    expect(
      recorded.every(({ position }, index) => index === 0 || position > (recorded[index - 1]?.position ?? 0)),
    ).toBe(true);
  });

  it('are known as of every change', async () => {
    for (const { position, list, change } of recorded) {
      const known = Map.groupBy(await rates({ knownAt: String(position) }), keyOf);
      const wrong = [...new Set([...known.keys(), ...list.keys()])].filter((key) => {
        const instants = [
          ...new Set([
            ...list.ofKey(key).map(({ from }) => from),
            ...(known.get(key) ?? []).map(({ effectiveFrom }) => effectiveFrom),
          ]),
        ];
        return instants.some((at) => {
          const expected = list.priceAt(key, at as never);
          const rate = (known.get(key) ?? []).find(
            ({ effectiveFrom, effectiveUntil }) =>
              effectiveFrom <= at && (effectiveUntil === null || at < effectiveUntil),
          );
          return rate === undefined || expected === undefined
            ? (rate === undefined) !== (expected === undefined)
            : !decimal(rate.unitPrice).eq(decimal(expected));
        });
      });
      expect([change.at, change.subject, wrong]).toEqual([change.at, change.subject, []]);
    }
  });

  it('end in a catalog without overlap in which every key has a price, including zero', async () => {
    const catalog = await rates();
    const list = recorded.at(-1)?.list ?? new PriceList();
    expect(list.keys().length).toBe(872);
    for (const [key, of] of Map.groupBy(catalog, keyOf)) {
      const inOrder = [...of].sort((a, b) => (a.effectiveFrom < b.effectiveFrom ? -1 : 1));
      // a key's prices follow each other without gap or overlap, the last one open
      expect([
        key,
        inOrder.slice(1).every(({ effectiveFrom }, index) => inOrder[index]?.effectiveUntil === effectiveFrom),
        inOrder.at(-1)?.effectiveUntil,
      ]).toEqual([key, true, null]);
    }
    expect(new Set(catalog.map(keyOf))).toEqual(new Set(list.keys()));
    expect(catalog.some(({ unitPrice }) => unitPrice === '0')).toBe(true);
  });

  it('include a price that was 10 times, and one that was 64 times too high', async () => {
    expect(await priceOf(LANTERN, '2024-10-15', 'Update lantern pricing')).toBe('0.00004215');
    expect(await priceOf(LANTERN, '2024-10-15', 'Update lantern storage pricing')).toBe('0.000004215');
    expect(await priceOf(LANTERN, '2025-01-03', 'Fix typo in lantern storage pricing')).toBe('0.0000029761');
    const [now] = await rates({ ...LANTERN, at: T('2025-01-03') });
    expect(now?.unitPrice).toBe('0.0000029761');
  });

  it('include the fix that was reverted by accident', async () => {
    const subjects = [
      'Update PostgreSQL storage prices for US regions',
      'Enable us-east-a2 region for VMs and PG',
      'Fix storage pricing in US',
    ];
    expect(await Promise.all(subjects.map(async (subject) => priceOf(US, '2024-05-15', subject)))).toEqual([
      '0.0000031',
      '0.00000281',
      '0.0000031',
    ]);
    expect(
      (
        await rates({
          ...US,
          at: T('2023-06-01'),
          knownAt: String(recorded.find(({ change }) => change.subject === subjects[0])?.position),
        })
      )[0]?.unitPrice,
    ).toBe('0.0000031');
  });
});

describe('invoices that were issued at the wrong price', () => {
  it('ten times too high: the next one reverses it', () => {
    // ten days: 7,372,800 × 0.00004215 = 310.76352, then 7,372,800 × 0.000004215 = 31.076352; all 22: 16,220,160 ×
    // 0.000004215 = 68.3679744 31.08 − 310.76 + (68.37 − 31.08) = −242.39; 310.76 − 242.39 = 68.37
    expect(invoiced['october']).toEqual([
      { total: '310.76', corrects: false },
      { total: '-242.39', corrects: true },
    ]);
  });

  it('64 times too high', () => {
    // four days: 2,949,120 × 0.0001904762 = 561.737…; the month: 22,855,680 × 0.0000029761 = 68.0207…;
    // 68.02 − 561.74 =
    // −493.72
    expect(invoiced['january']).toEqual([
      { total: '561.74', corrects: false },
      { total: '-493.72', corrects: true },
    ]);
  });

  it('fixed, reverted by accident, and fixed again: the final total is right', () => {
    // May 22,855,680 × 0.0000031 = 70.852608; in June it is believed to be × 0.00000281 = 64.2244608: −6.63 next to
    // June's 62.15; then May +6.63, June 68.57 − 62.15 = +6.42, and July 70.85. In all 210.27 = 70.85 + 68.57 + 70.85
    expect(invoiced['us']).toEqual([
      { total: '70.85', corrects: false },
      { total: '55.52', corrects: true },
      { total: '83.90', corrects: true },
    ]);
  });
});

describe('a price that is missing', () => {
  it('is an error that names key and time, never zero', async () => {
    const before = { resourceType: 'PostgresVCpu', resourceFamily: 'standard-m8gd', location: 'ap-southeast-2' };
    await test.apply(...opened('early', before, '2025-07-01', 1));
    const { items } = await test.ask<{
      items: { billingKind: string; quarantine?: { code: string; message: string } }[];
    }>('lines', { tenantId: 'early', at: T('2025-07-03') });
    expect(items.find(({ billingKind }) => billingKind === 'storage')?.quarantine).toEqual({
      code: 'missing_rate',
      message:
        'storage of subscription early: PostgresVCpu/standard-m8gd/ap-southeast-2 has no price at ' +
        '2025-07-01T00:00:00Z: set one with set-rate',
    });
  });
});
