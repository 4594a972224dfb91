import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { payersProjection } from './payers.projection.js';
import { payers } from './payers.table.js';

const { given, when, rows } = projected(payersProjection);

const APRIL = '2026-04-01T00:00:00Z';
const MAY = '2026-05-01T00:00:00Z';

it('keeps the payers of each tenant over their periods, and what a correction states', async () => {
  await given(
    { PayerSet: { tenantId: 'lab', terms: { payerId: 'holding' }, effectiveFrom: APRIL, effectiveUntil: null } },
    { PayerSet: { tenantId: 'shop', terms: { payerId: null }, effectiveFrom: APRIL, effectiveUntil: MAY } },
  );
  await when({
    PayerCorrected: {
      ...{ tenantId: 'lab', changedFrom: MAY, reason: 'as agreed' },
      versions: [
        { from: APRIL, terms: { payerId: 'holding' } },
        { from: MAY, terms: null },
      ],
    },
  });
  const lab = { tenant_id: 'lab', payer_id: 'holding', effective_from: APRIL };
  const shop = { tenant_id: 'shop', effective_from: APRIL, effective_until: MAY };
  expect(await rows(payers)).toEqual([{ ...lab, effective_until: MAY }, shop]);
  expect(await rows(payers, 2)).toEqual([lab, shop]);
});
