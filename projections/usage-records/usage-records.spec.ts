import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Fact, projected } from '../../test/support/projections.js';
import { usageRecordsProjection } from './usage-records.projection.js';
import { prunedUsage, usageProviders, usageRecords } from './usage-records.table.js';

const { given, when, rows, versions, clear, rebuilt } = projected(usageRecordsProjection);

const PERIOD = { start: '2026-04-01T00:00:00Z', end: '2026-04-02T00:00:00Z' };
const IN_APRIL = { deploymentId: 'd', month: '2026-04' };
const key = (resourceId: string) => ({
  resourceId,
  billingKind: 'cpu',
  period: PERIOD,
  granularity: 'day' as const,
});
const observed = (resourceId: string, quantity: string, more: object = {}): Fact => ({
  UsageObserved: { ...IN_APRIL, origin: 'metering', observations: [{ ...key(resourceId), quantity, ...more }] },
});
const corrected = (resourceId: string, quantity: string | null): Fact => ({
  UsageCorrected: {
    ...IN_APRIL,
    origin: 'command',
    corrections: [{ ...key(resourceId), quantity }],
    reason: 'a meter was wrong',
  },
});
const record = (resource_id: string, quantity: string, more: object = {}) => ({
  deployment_id: 'd',
  billing_kind: 'cpu',
  period_start: PERIOD.start,
  resource_id,
  period_end: PERIOD.end,
  granularity: 'day',
  provider: '',
  source_id: '',
  quantity,
  origin: 'metering',
  ...more,
});
const named: Fact = { UsageProviderNamed: { ...IN_APRIL, readings: [{ ...key('a'), provider: 'do' }] } };
const pruning: Fact = { UsagePruned: { ...IN_APRIL, billingKinds: ['cpu'], at: '2026-08-01T00:00:00Z' } };

it('has a record for each reading', async () => {
  await given(observed('a', '24'));
  await when(
    observed('b', '0.5', {
      provider: 'do',
      sourceId: 'meter-3/1',
      rateKey: { resourceType: 'VmCores', resourceFamily: 'standard', location: 'eu' },
      attributes: { region: 'eu', requests: 12 },
      subAttribution: { project: 'blue' },
    }),
  );

  expect(await rows(usageRecords)).toEqual([
    record('a', '24'),
    record('b', '0.5', {
      provider: 'do',
      source_id: 'meter-3/1',
      resource_type: 'VmCores',
      resource_family: 'standard',
      location: 'eu',
      attributes: { region: 'eu', requests: 12 },
      sub_attribution: { project: 'blue' },
    }),
  ]);
  expect(await rows(usageRecords, 1)).toEqual([record('a', '24')]);
});

it('has a corrected record from the correction, with its observer and its corrector', async () => {
  await given(observed('a', '24'), observed('b', '24'));
  await when(corrected('a', '20.5'));

  expect(await rows(usageRecords)).toEqual([record('a', '20.5', { corrected_by: 'command' }), record('b', '24')]);
  expect(await rows(usageRecords, 2)).toEqual([record('a', '24', { superseded_by: 'command' }), record('b', '24')]);
});

it('has no withdrawn record until a correction restores it', async () => {
  await given(observed('a', '24'));
  await when(corrected('a', null));
  expect(await rows(usageRecords)).toEqual([]);

  await when(corrected('a', '12'));
  expect(await rows(usageRecords)).toEqual([record('a', '12', { corrected_by: 'command' })]);
  expect(await rows(usageRecords, 2)).toEqual([]);
});

it('refuses a correction of a reading that it does not have', async () => {
  await given(observed('a', '24'));
  await expect(when(corrected('b', '12'))).rejects.toThrow(
    'usage_records does not have 1 of 1 corrected readings of deployment d',
  );
});

it('keeps the provider that was named for a reading without changing its record', async () => {
  await given(observed('a', '24'));
  await when(named);

  const { quantity: _quantity, origin: _origin, ...of } = record('a', '24', { provider: 'do' });
  expect(await rows(usageProviders)).toEqual([of]);
  expect(await rows(usageProviders, 1)).toEqual([]);
  expect(await rows(usageRecords)).toEqual([record('a', '24')]);
});

it('has no record of a pruned month and billing kind, as of any position', async () => {
  await given(observed('a', '24'), observed('b', '1', { billingKind: 'disk' }), named);
  await when(pruning);

  const disk = record('b', '1', { billing_kind: 'disk' });
  expect([await rows(usageRecords), await rows(usageRecords, 2)]).toEqual([[disk], [disk]]);
  expect(await rows(usageProviders)).toEqual([]);
  expect(await rows(prunedUsage)).toEqual([
    { deployment_id: 'd', billing_kind: 'cpu', month: PERIOD.start, pruned_at: '2026-08-01T00:00:00Z' },
  ]);
  expect(await rows(prunedUsage, 3)).toEqual([]);
});

it.each([
  ['in the same batch', true],
  ['in a later batch', false],
])('keeps nothing that arrives after the pruning, %s', async (_when, inOneBatch) => {
  const late = [observed('b', '24'), corrected('a', '12'), named];
  await given(observed('a', '24'));
  if (inOneBatch) await when(pruning, ...late);
  else {
    await when(pruning);
    await when(...late);
  }

  expect([await rows(usageRecords), await rows(usageProviders)]).toEqual([[], []]);
});

describe('a rebuild', () => {
  const expectSameVersions = async (facts: readonly Fact[]): Promise<void> => {
    await when(...facts);
    expect(await rebuilt(usageRecords)).toEqual(await versions(usageRecords));
  };

  it('closes a record that was withdrawn, observed again, and withdrawn again', async () => {
    await expectSameVersions([observed('a', '24'), corrected('a', null), observed('a', '12'), corrected('a', null)]);

    expect(await rows(usageRecords)).toEqual([]);
    expect(await rows(usageRecords, 3)).toEqual([record('a', '12', { superseded_by: 'command' })]);
    expect(await rows(usageRecords, 1)).toEqual([record('a', '24', { superseded_by: 'command' })]);
  });

  it('corrects the record as it was last observed', async () => {
    const again = { attributes: { region: 'eu' } };
    await expectSameVersions([
      observed('a', '24'),
      corrected('a', null),
      observed('a', '12', again),
      corrected('a', '10'),
    ]);

    expect(await rows(usageRecords)).toEqual([record('a', '10', { corrected_by: 'command', ...again })]);
  });

  it('has the versions that live projecting has, whatever became of a reading', async () => {
    /** What happens to a reading. A reading in force is not observed: the decision takes it as known. */
    const step = fc.record({ resourceId: fc.constantFrom('a', 'b'), quantity: fc.constantFrom(null, '1', '2') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.infiniteStream(fc.boolean()), async (steps, again) => {
        await clear();
        const state = new Map<string, 'in force' | 'withdrawn'>();
        const facts = steps.flatMap(({ resourceId, quantity }): Fact[] => {
          const before = state.get(resourceId);
          if (before === undefined && quantity === null) return [];
          state.set(resourceId, quantity === null ? 'withdrawn' : 'in force');
          const isObserved = before === undefined || (before === 'withdrawn' && again.next().value === true);
          return [isObserved && quantity !== null ? observed(resourceId, quantity) : corrected(resourceId, quantity)];
        });
        await expectSameVersions(facts);
      }),
      { numRuns: 60 },
    );
  });
});
