import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { KEPT_VERSION } from '#projections/margins/kept-costs.read';

/** What decides the cost of a month, and the days that its bills charge. */
const SOURCES = [
  'libs/domain/src/inventory/resource.ts',
  'libs/domain/src/margin/attribution.ts',
  'libs/domain/src/margin/months.ts',
  'libs/domain/src/tenants/deployment.ts',
  'libs/billing/src/costs/cost-holders.ts',
  'libs/billing/src/costs/cost-sums.ts',
  'libs/billing/src/inventory/timelines.ts',
  'projections/costs/billed-days.read.ts',
  'projections/costs/charged.read.ts',
];

const PINNED = { version: '3', sources: 'a06cf98adfb5a90c' };

it('is raised when the attribution of cost changes', () => {
  const hash = createHash('sha256');
  for (const path of SOURCES) hash.update(readFileSync(path));
  const sources = hash.digest('hex').slice(0, 16);
  const remedy =
    'A source that computes kept months has changed. If a month may now come to something else, raise KEPT_VERSION in' +
    ' projections/margins/kept-costs.read.ts: months that are kept are then computed again. Then pin here what stands.';
  expect({ version: KEPT_VERSION, sources, remedy }).toEqual({ ...PINNED, remedy });
});
