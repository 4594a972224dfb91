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
  for (const { billingKind, month } of spansOf(observations)) yield [deploymentId, billingKind, startOf(month)];
}

function* providerRows({ observations }: Observed): Generator<SeenRow> {
  for (const { billingKind, month, provider } of spansOf(observations)) yield [billingKind, startOf(month), provider];
}

interface Span {
  readonly billingKind: string;
  readonly month: string;
  /** '': none. */
  readonly provider: string;
}

/** The kind, month and provider of readings. Most are the same as those of the reading before, which are left out. */
function* spansOf(observations: Observed['observations']): Generator<Span> {
  let last: Span | undefined;
  for (const { billingKind, period, provider = '' } of observations) {
    const month = usageMonth(period.start);
    if (last?.billingKind === billingKind && last.month === month && last.provider === provider) continue;
    last = { billingKind, month, provider };
    yield last;
  }
}

const startOf = (month: string): string => `${month}-01T00:00:00Z`;
