import { expect, it } from '@jest/globals';
import type { SharingTerms } from '#domain/margin/sharing-policy';
import { projected } from '../../test/support/projections.js';
import { costSharingProjection } from './cost-sharing.projection.js';
import { costSharing } from './cost-sharing.table.js';

const { given, when, rows } = projected(costSharingProjection);

const APRIL = '2026-04-01T00:00:00Z';
const MAY = '2026-05-01T00:00:00Z';
const JUNE = '2026-06-01T00:00:00Z';
const even = { costs: { unattributed: true }, method: 'even' } as const;
const byUsage = { costs: { provider: 'aws' }, method: 'usage', billingKind: 'cpu' } as const;
const set = (terms: SharingTerms, effectiveFrom: string, effectiveUntil: string | null) => ({
  CostSharingSet: { policyId: 'p', ...terms, effectiveFrom, effectiveUntil },
});
const row = (terms: object, effectiveFrom: string, until: string | null) => ({
  ...{ policy_id: 'p', ...terms, effective_from: effectiveFrom },
  ...(until === null ? {} : { effective_until: until }),
});
const BY_USAGE = { costs: { provider: 'aws' }, method: 'usage', billing_kind: 'cpu' };

it('keeps the terms of a policy over their period, and those before and after it', async () => {
  await given(set(even, APRIL, null));
  await when(set(byUsage, MAY, JUNE));

  expect(await rows(costSharing)).toEqual([row(even, APRIL, MAY), row(BY_USAGE, MAY, JUNE), row(even, JUNE, null)]);
  expect(await rows(costSharing, 1)).toEqual([row(even, APRIL, null)]);
});

it('keeps a time without terms between two periods', async () => {
  await given(set(even, APRIL, MAY), set(byUsage, JUNE, null));
  await when(set(even, '2026-07-01T00:00:00Z', null));

  expect(await rows(costSharing)).toEqual([
    row(even, APRIL, MAY),
    row(BY_USAGE, JUNE, '2026-07-01T00:00:00Z'),
    row(even, '2026-07-01T00:00:00Z', null),
  ]);
});

it('has one row for the same terms, though jsonb keeps their fields in another order', async () => {
  // jsonb has kind before provider.
  const vms = { costs: { provider: 'aws', kind: 'vm' }, method: 'even' } as const;
  await given(set(vms, MAY, null));
  await when(set(vms, APRIL, null));

  expect(await rows(costSharing)).toEqual([row(vms, APRIL, null)]);
});

it('has what a correction states, and nothing where it says so', async () => {
  await given(set(even, APRIL, null));
  const weights = [{ tenantId: 't', percent: '100' }];
  const terms = { costs: { unattributed: true as const }, method: 'weights' as const, weights };
  await when({
    CostSharingCorrected: {
      policyId: 'p',
      versions: [
        { from: APRIL, terms },
        { from: MAY, terms: null },
      ],
      stated: { terms, from: APRIL, until: MAY },
      changedFrom: APRIL,
      reason: 'as agreed',
    },
  });

  expect(await rows(costSharing)).toEqual([row(terms, APRIL, MAY)]);
});
