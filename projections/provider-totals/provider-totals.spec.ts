import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { providerTotalsProjection } from './provider-totals.projection.js';
import { providerTotals } from './provider-totals.table.js';

const { given, when, rows } = projected(providerTotalsProjection);

const key = { provider: 'digitalocean', invoiceRef: '2026-04', currency: 'USD' };
const ROW = { provider: 'digitalocean', invoice_ref: '2026-04', currency: 'USD', month: '2026-04', tax: '1.5' };

it('has the last total of an invoice, and none once it is withdrawn', async () => {
  await given({ ProviderTotalRecorded: { ...key, period: '2026-04', total: '88.42', tax: '1.5' } });
  await given({ ProviderTotalCorrected: { ...key, period: '2026-04', total: '88.52', tax: '1.5', reason: 'a typo' } });
  await when({ ProviderTotalWithdrawn: { ...key, reason: 'another account' } });

  expect(await rows(providerTotals, 1)).toEqual([{ ...ROW, total: '88.42' }]);
  expect(await rows(providerTotals, 2)).toEqual([{ ...ROW, total: '88.52' }]);
  expect(await rows(providerTotals)).toEqual([]);
});
