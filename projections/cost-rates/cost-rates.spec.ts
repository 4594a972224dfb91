import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { costRatesProjection } from './cost-rates.projection.js';
import { costRates } from './cost-rates.table.js';

const { given, when, rows } = projected(costRatesProjection);

const APRIL = '2026-04-01T00:00:00Z';
const MAY = '2026-05-01T00:00:00Z';
const terms = (unitCost: string) => ({ unitCost, currency: 'USD' });
const row = (provider: string, cost: string, from: string, until: string | null) => ({
  ...{ billing_kind: 'cpu', provider, region: '', unit_cost: cost, currency: 'USD', effective_from: from },
  ...(until === null ? {} : { effective_until: until }),
});

it('keeps the rates of each provider over their periods, and what a correction states', async () => {
  const any = { billingKind: 'cpu', provider: null, region: null };
  await given(
    { CostRateSet: { ...any, terms: terms('0.1'), effectiveFrom: APRIL, effectiveUntil: null } },
    { CostRateSet: { ...any, provider: 'aws', terms: terms('0.2'), effectiveFrom: APRIL, effectiveUntil: null } },
  );
  await when({
    CostRateCorrected: {
      ...{ ...any, changedFrom: MAY, reason: 'as the bill says' },
      versions: [
        { from: APRIL, terms: terms('0.1') },
        { from: MAY, terms: null },
      ],
    },
  });
  expect(await rows(costRates)).toEqual([row('', '0.1', APRIL, MAY), row('aws', '0.2', APRIL, null)]);
  expect(await rows(costRates, 2)).toEqual([row('', '0.1', APRIL, null), row('aws', '0.2', APRIL, null)]);
});
