import type { RecordedEvent } from '#domain/events';
import { type Instant, lastInstantBefore } from '#domain/time/instant';
import { monthOf, type Period } from '#domain/time/period';
import { projectSeen, type SeenRow } from '#read-model/seen-rows';
import { projection } from '../flow.js';
import { rateKeyUsage } from './rate-key-usage.table.js';

/** Rows stay where all readings were withdrawn or pruned. */
export const rateKeyUsageProjection = projection('rate-key-usage', {
  version: 1,
  tables: [rateKeyUsage],
  project: projectSeen(rateKeyUsage, rowsOf),
});

function* rowsOf({ deploymentId, observations }: RecordedEvent<'UsageObserved'>['data']): Generator<SeenRow> {
  for (const { rateKey, billingKind, period } of observations) {
    if (rateKey === undefined) continue;
    const { resourceType, resourceFamily, location } = rateKey;
    const months = [firstOf(period.start), lastMonth(period)];
    yield [resourceType, resourceFamily, location, deploymentId, billingKind, ...months];
  }
}

const firstOf = (at: Instant): string => `${at.slice(0, 7)}-01T00:00:00Z`;

/** The month in which a reading ends. If it ends exactly where a month begins, it is the month before. */
function lastMonth({ start, end }: Period): string {
  if (start.slice(0, 7) === end.slice(0, 7) || end === monthOf(start).end) return firstOf(start);
  return firstOf(lastInstantBefore(end));
}
