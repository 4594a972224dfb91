import { describe, expect, it } from '@jest/globals';
import { readRow } from '../../../../test/support/preset-row.js';
import { openCostAllocations } from './opencost.js';

const ALLOCATION = {
  name: 'shop',
  properties: { cluster: 'prod', namespace: 'shop', labels: { team: 'web' } },
  window: { start: '2026-04-01T00:00:00Z', end: '2026-04-02T00:00:00Z' },
  start: '2026-04-01T03:00:00Z',
  end: '2026-04-02T00:00:00Z',
  minutes: 1260,
  cpuCost: 0.2,
  totalCost: 0.30000000000000004,
};

describe('an allocation of OpenCost', () => {
  it('is a cost of its window, of what the query aggregates by', () => {
    expect(readRow(openCostAllocations, ALLOCATION)).toEqual({
      item: expect.anything() as unknown,
      items: [
        {
          provider: 'opencost',
          delivery: 'prod 2026-04',
          invoiceRef: 'prod 2026-04',
          line: {
            kind: 'kubernetes',
            focus: {},
            chargePeriod: { start: '2026-04-01T00:00:00Z', end: '2026-04-02T00:00:00Z' },
            amount: '0.30000000000000004',
            currency: 'USD',
            category: 'usage',
            resourceId: 'shop',
          },
          key: 'shop|prod||shop|||||2026-04-01T00:00:00Z|2026-04-02T00:00:00Z',
          isOwnId: false,
        },
      ],
      notes: [['no_currency', 'currency']],
    });
  });

  it.each([
    [{ tags: { 'namespace:': 'tenantId' as const } }, 'shop'],
    [{ tags: { 'team:': 'tenantId' as const } }, 'web'],
    [{ columns: { tenantId: 'name' } }, 'shop'],
  ])('is of the tenant that a mapping names: %j', (mapping, tenantId) => {
    expect(readRow(openCostAllocations, ALLOCATION, mapping).item.line.tenantId).toBe(tenantId);
  });

  it('has the currency that a mapping gives', () => {
    const { item, notes } = readRow(openCostAllocations, ALLOCATION, { values: { currency: 'EUR' } });
    expect([item.line.currency, notes]).toEqual(['EUR', []]);
  });

  it('of no named cluster is of one, which is noted', () => {
    const { item, notes } = readRow(openCostAllocations, { ...ALLOCATION, properties: { namespace: 'shop' } });
    expect([item.delivery, notes]).toEqual([
      'cluster 2026-04',
      [
        ['no_cluster', 'cluster'],
        ['no_currency', 'currency'],
      ],
    ]);
  });
});
