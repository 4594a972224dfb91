import type { RecordedEvent } from '#domain/events';
import { usageMonth } from '#domain/usage/usage';
import { projectSeen, type SeenRow } from '#read-model/seen-rows';
import { projection } from '../flow.js';
import { providerMonths } from './provider-months.table.js';
import { usageMonths } from './usage-months.table.js';

type Observed = RecordedEvent<'UsageObserved'>['data'];

const projectUsage = projectSeen<'UsageObserved'>(usageMonths, usageRows);
const projectProviders = projectSeen<'UsageObserved'>(providerMonths, providerRows);

/** Rows stay where all readings were withdrawn or pruned. */
export const usageMonthsProjection = projection('usage-months', {
  version: 2,
  tables: [usageMonths, providerMonths],
  async project(batch, client) {
    await projectUsage(batch, client);
    await projectProviders(batch, client);
  },
});

function* usageRows({ deploymentId, observations }: Observed): Generator<SeenRow> {
  let last: readonly [kind: string, month: string] | null = null;
  for (const { billingKind, period } of observations) {
    const month = usageMonth(period.start);
    if (last?.[0] === billingKind && last[1] === month) continue;
    last = [billingKind, month];
    yield [deploymentId, billingKind, startOf(month)];
  }
}

function* providerRows({ observations }: Observed): Generator<SeenRow> {
  let last: readonly [kind: string, month: string, provider: string] | null = null;
  for (const { billingKind, period, provider = '' } of observations) {
    const month = usageMonth(period.start);
    if (last?.[0] === billingKind && last[1] === month && last[2] === provider) continue;
    last = [billingKind, month, provider];
    yield [billingKind, startOf(month), provider];
  }
}

const startOf = (month: string): string => `${month}-01T00:00:00Z`;
