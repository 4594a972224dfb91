import type { RecordedEvent } from '#domain/events';
import type { CostRateTerms } from '#domain/margin/cost-rate';
import { evolveTerms, periodsOfTerms, versionsOfTerms } from '#domain/terms/terms';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { toCostRate } from './cost-rates.read.js';
import { type CostRateRow, costRates } from './cost-rates.table.js';

type CostRateEvents = 'CostRateSet' | 'CostRateCorrected';

const ofRate = ({ data }: RecordedEvent<CostRateEvents>): readonly string[] => [
  ...[data.billingKind, data.provider ?? '', data.region ?? ''],
];

const next = ({ data }: RecordedEvent<CostRateEvents>, rows: readonly CostRateRow[]): CostRateRow[] =>
  periodsOfTerms(evolveTerms<CostRateTerms>(versionsOfTerms(rows.map(toCostRate)), data)).map(({ terms, period }) => ({
    ...{ billing_kind: data.billingKind, provider: data.provider ?? '', region: data.region ?? '' },
    ...{ effective_from: period.start, effective_until: period.end },
    ...{ unit_cost: terms.unitCost, currency: terms.currency },
  }));

export const costRatesProjection = versionedProjection('cost-rates', {
  version: 1,
  tables: [costRates],
  on: {
    CostRateSet: changing(costRates, ofRate, next),
    CostRateCorrected: changing(costRates, ofRate, next),
  },
});
