import type { RecordedEvent } from '#domain/events';
import { usageMonth } from '#domain/usage/usage';
import { projectSeen, type SeenRow } from '#read-model/seen-rows';
import { projection } from '../flow.js';
import { usageMonths } from './usage-months.table.js';

/** Rows stay where all readings were withdrawn or pruned. */
export const usageMonthsProjection = projection('usage-months', {
  version: 1,
  tables: [usageMonths],
  project: projectSeen(usageMonths, rowsOf),
});

function* rowsOf({ deploymentId, observations }: RecordedEvent<'UsageObserved'>['data']): Generator<SeenRow> {
  let last: readonly [kind: string, month: string] | null = null;
  for (const { billingKind, period } of observations) {
    const month = usageMonth(period.start);
    if (last?.[0] === billingKind && last[1] === month) continue;
    last = [billingKind, month];
    yield [deploymentId, billingKind, `${month}-01T00:00:00Z`];
  }
}
