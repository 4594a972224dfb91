import { expect, it } from '@jest/globals';
import { instant } from '../time/instant.js';
import { decideUnbillable, type Unbillable, type UnbillableEvent } from './unbillable.js';

const [APRIL, MAY] = [instant('2026-04-01T00:00:00Z'), instant('2026-05-01T00:00:00Z')];
const USAGE: Unbillable = {
  ...{ what: 'usage', tenantId: 't', deploymentId: 'd', billingKind: 'zones', lineId: null, message: null },
  ...{ reason: 'no_plan_item', period: { start: APRIL, end: MAY }, readings: 1, quantity: '2' },
};
const asOf = (computedAt: number) => ({ computedAt, at: MAY });
const recorded = (...events: readonly UnbillableEvent[]) =>
  events.map((event, index) => ({ ...event, position: index + 1 }));
const typesOf = (events: readonly UnbillableEvent[]): string[] => events.map(({ type }) => type);

it('is found once, ends once, and may be found again', () => {
  const [found] = decideUnbillable([], [USAGE], asOf(10));
  if (found === undefined) throw new Error('nothing was found');
  expect(found).toMatchObject({ type: 'UnbillableFound', data: { ...USAGE, computedAt: 10, at: MAY } });
  // More of it is the same.
  expect(decideUnbillable(recorded(found), [{ ...USAGE, readings: 2, quantity: '5' }], asOf(11))).toEqual([]);
  const [ended] = decideUnbillable(recorded(found), [], asOf(12));
  if (ended === undefined) throw new Error('nothing ended');
  expect(ended).toMatchObject({ type: 'UnbillableEnded', data: { id: found.data.id, foundAt: 1, computedAt: 12 } });
  expect(decideUnbillable(recorded(found, ended), [], asOf(13))).toEqual([]);
  expect(typesOf(decideUnbillable(recorded(found, ended), [USAGE], asOf(13)))).toEqual(['UnbillableFound']);
});

it('is told apart by its reason', () => {
  const [found] = decideUnbillable([], [USAGE], asOf(10));
  if (found === undefined) throw new Error('nothing was found');
  const other = { ...USAGE, reason: 'no_subscription' };
  expect(typesOf(decideUnbillable(recorded(found), [other], asOf(11)))).toEqual(['UnbillableEnded', 'UnbillableFound']);
});

it('stays as it is if it was evaluated as of an earlier position', () => {
  const [found] = decideUnbillable([], [USAGE], asOf(10));
  if (found === undefined) throw new Error('nothing was found');
  expect(decideUnbillable(recorded(found), [], asOf(9))).toEqual([]);
});
