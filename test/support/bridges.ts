import { expect } from '@jest/globals';
import { decimal, sum, text } from '#domain/money/decimal';
import { margin } from '#operations/margin';
import { marginBridge } from '#operations/margin-bridge';
import { ADMIN, type TestLedger } from './ledger.js';

/** A month, and the log position that it is known at. */
export interface End {
  readonly period: string;
  readonly asOf: string;
}

const PARTS = [
  ...(['price', 'volume', 'mix', 'newBusiness', 'lostBusiness', 'fees', 'corrections', 'cost', 'moves'] as const),
];
const COSTS = ['newResources', 'goneResources', 'sameResources', 'costWithoutResource', 'sharedCost'] as const;

const total = (values: readonly string[]): string => text(sum(values.map((value) => decimal(value))));

/**
 * The bridge between two ends of one month, or of two months at one position: at each level its parts come to the
 * difference, tenants and nobody come to all, both ends are what the margin says, and the way back is the opposite.
 */
export async function expectBridge({ ledger }: TestLedger, from: End, to: End): Promise<void> {
  const ask = async (a: End, b: End) =>
    ledger.ask(
      marginBridge,
      a.period === b.period
        ? { period: a.period, fromAsOf: a.asOf, asOf: b.asOf }
        : { from: a.period, to: b.period, asOf: b.asOf },
      ADMIN,
    );
  const bridge = await ask(from, to);
  const ends = [await ledger.ask(margin, from, ADMIN), await ledger.ask(margin, to, ADMIN)] as const;
  const tenants = bridge.byTenant.map(({ tenantId }) => tenantId);
  expect(tenants).toEqual(
    expect.arrayContaining(ends.flatMap(({ byTenant }) => byTenant.map((each) => each.tenantId))),
  );
  expect([bridge.overall.from, bridge.overall.to]).toEqual(ends.map(({ overall }) => overall.margin));
  for (const each of bridge.byTenant)
    expect([total([each.from]), total([each.to])]).toEqual(
      ends.map(({ byTenant }) => total([byTenant.find(({ tenantId }) => tenantId === each.tenantId)?.margin ?? '0'])),
    );
  for (const of of [bridge.overall, bridge.unattributed, ...bridge.byTenant]) {
    expect(total(PARTS.map((part) => of[part]))).toBe(total([of.difference]));
    expect(total(COSTS.map((part) => of[part]))).toBe(total([of.cost]));
    expect(total([of.from, of.difference])).toBe(total([of.to]));
  }
  for (const figure of [...PARTS, ...COSTS, 'difference'] as const)
    expect(total([...bridge.byTenant, bridge.unattributed].map((of) => of[figure]))).toBe(
      total([bridge.overall[figure]]),
    );
  expect(total([bridge.overall.moves])).toBe('0');
  const back = await ask(to, { ...from, asOf: from.period === to.period ? from.asOf : to.asOf });
  expect(total([back.overall.difference, bridge.overall.difference])).toBe('0');
}
