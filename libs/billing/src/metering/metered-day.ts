import { canonicalJson } from '#domain/canonical-json';
import {
  meterDay,
  type MeteredReading,
  type MeteredResource,
  type MeteringConfiguration,
} from '#domain/metering/metering';
import { intersection, type Period } from '#domain/time/period';
import type { LedgerCore } from '#ledger/ledger-core';
import { readDeployments } from '#projections/deployments/deployments.read';
import { readMeteringConfigurations } from '#projections/metering/metering.read';
import type { UsageRecordRow } from '#projections/usage-records/usage-records.table';
import { keyOfRow } from '../usage/known-usage.js';

/** Meters a day: what is recorded of it, and what is not. */
export type MeterDay = (day: Period) => ReturnType<typeof meterDay>;

/** What days are metered with, as known at a position. */
export async function meteringOf(
  core: LedgerCore,
  position: number,
  resources: readonly MeteredResource[],
): Promise<MeterDay> {
  const configurations = (await readMeteringConfigurations(core.db, position)).map((row): MeteringConfiguration => ({
    billingKind: row.billing_kind,
    granularity: row.granularity,
    retentionDays: row.retention_days,
    from: row.effective_from,
  }));
  const deployments = await readDeployments(core.db, position, null);
  const registered = new Set(deployments.map(({ deployment_id }) => deployment_id));
  return (day) => withoutUnknown(meterDay(day, resources, configurations), registered);
}

/**
 * Leaves out readings of unregistered deployments (a typo in a resource) and reports them. They are metered once the
 * deployment is registered.
 */
function withoutUnknown(
  { readings, skipped }: ReturnType<typeof meterDay>,
  registered: ReadonlySet<string>,
): ReturnType<typeof meterDay> {
  const unknown = new Map(
    readings.flatMap(({ deploymentId, observation: { provider = '', resourceId, billingKind } }) =>
      registered.has(deploymentId)
        ? []
        : [
            [
              `${provider}/${resourceId}`,
              {
                provider,
                providerId: resourceId,
                kind: billingKind,
                deploymentId,
                reason: `deployment ${deploymentId} is not registered`,
              },
            ],
          ],
    ),
  );
  return {
    readings: readings.filter(({ deploymentId }) => registered.has(deploymentId)),
    skipped: [...skipped, ...unknown.values()],
  };
}

/**
 * Whether a metered record no longer matches the day. A record corrected by others stays as it is, unless the same
 * resource is metered under another key: it would be counted twice.
 */
export function staleness(readings: readonly MeteredReading[]): (row: UsageRecordRow) => boolean {
  const expected = new Set(
    readings.map(({ deploymentId, observation: { quantity: _quantity, ...key } }) =>
      canonicalJson([deploymentId, key]),
    ),
  );
  const byResource = Map.groupBy(readings, ({ observation: { provider, resourceId } }) =>
    canonicalJson([provider, resourceId]),
  );
  return (row) => {
    const key = keyOfRow(row);
    if (expected.has(canonicalJson([row.deployment_id, key]))) return false;
    if (row.corrected_by === null || row.corrected_by === 'metering') return true;
    const others = byResource.get(canonicalJson([key.provider, key.resourceId])) ?? [];
    return others.some(({ observation }) => intersection(observation.period, key.period) !== null);
  };
}
