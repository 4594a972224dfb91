import type { RecordedEvent } from '#domain/events';
import { policiesOf, sharingData, sharingOf, type SharingPolicy } from '#domain/margin/sharing-policy';
import { evolveTerms } from '#domain/terms/terms';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { toPolicy } from './cost-sharing.read.js';
import { costSharing, type CostSharingRow } from './cost-sharing.table.js';

type SharingEvents = 'CostSharingSet' | 'CostSharingCorrected';

const toRow = ({ policyId, period, costs, method, billingKind, capacity, weights }: SharingPolicy): CostSharingRow => ({
  policy_id: policyId,
  effective_from: period.start,
  effective_until: period.end,
  costs,
  method,
  billing_kind: billingKind ?? null,
  capacity: capacity ?? null,
  weights: weights ?? null,
});

function next(event: RecordedEvent<SharingEvents>, rows: readonly CostSharingRow[]): CostSharingRow[] {
  const { policyId } = event.data;
  const versions = sharingOf(rows.map(toPolicy)).get(policyId) ?? [];
  return policiesOf(new Map([[policyId, evolveTerms(versions, sharingData(event))]])).map(toRow);
}

const ofPolicy = ({ data }: RecordedEvent<SharingEvents>): readonly string[] => [data.policyId];

export const costSharingProjection = versionedProjection('cost-sharing', {
  version: 3,
  tables: [costSharing],
  on: {
    CostSharingSet: changing(costSharing, ofPolicy, next),
    CostSharingCorrected: changing(costSharing, ofPolicy, next),
  },
});
