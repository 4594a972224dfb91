import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { costsProjection } from './costs.projection.js';
import { costLines } from './costs.table.js';

const { given, when, rows } = projected(costsProjection);

const APRIL = { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };
const OF = { provider: 'do', invoiceRef: '2026-04' };
const droplet = { lineKey: 'droplet', resourceId: 'r', kind: 'droplet', chargePeriod: APRIL, currency: 'USD' } as const;

const ROW = {
  provider: 'do',
  invoice_ref: '2026-04',
  charge_period_start: APRIL.start,
  charge_period_end: APRIL.end,
  currency: 'USD',
};

it('keeps a provider’s cost, and the corrected version of a line', async () => {
  const tax = { lineKey: 'tax', kind: 'tax', chargePeriod: APRIL, amount: '4.56', currency: 'USD', category: 'tax' };
  await given({
    CostRecorded: {
      ...OF,
      lines: [
        { ...droplet, amount: '24', effectiveAmount: '21.333333333333333333', category: 'usage', tenantId: 't' },
        { ...tax, category: 'tax' },
      ],
    },
  });
  await when({
    CostCorrected: {
      ...OF,
      lines: [{ ...droplet, amount: '22.8', category: 'adjustment', class: 'correction', description: 'April again' }],
      reason: 'the provider delivered April again',
    },
  });

  const [line, ofTax] = [
    { ...ROW, line_key: 'droplet', kind: 'droplet', resource_id: 'r' },
    { ...ROW, line_key: 'tax', kind: 'tax', amount: '4.56', category: 'tax' },
  ];
  expect(await rows(costLines)).toEqual([
    { ...line, amount: '22.8', category: 'adjustment', class: 'correction', description: 'April again' },
    ofTax,
  ]);
  expect(await rows(costLines, 1)).toEqual([
    { ...line, amount: '24', effective_amount: '21.333333333333333333', category: 'usage', tenant_id: 't' },
    ofTax,
  ]);
});
