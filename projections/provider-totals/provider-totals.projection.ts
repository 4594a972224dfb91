import type { RecordedEvent } from '#domain/events';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { providerTotals, type ProviderTotalRow } from './provider-totals.table.js';

type StatedEvents = 'ProviderTotalRecorded' | 'ProviderTotalCorrected';

const toRow = ({ data }: RecordedEvent<StatedEvents>): ProviderTotalRow => ({
  provider: data.provider,
  invoice_ref: data.invoiceRef,
  currency: data.currency,
  month: data.period,
  total: data.total,
  tax: data.tax,
});

const ofTotal = ({ data }: RecordedEvent<StatedEvents | 'ProviderTotalWithdrawn'>): readonly string[] => [
  data.provider,
  data.invoiceRef,
  data.currency,
];

const stating = changing<StatedEvents, typeof providerTotals>(providerTotals, ofTotal, (event) => [toRow(event)]);

export const providerTotalsProjection = versionedProjection('provider-totals', {
  version: 1,
  tables: [providerTotals],
  on: {
    ProviderTotalRecorded: stating,
    ProviderTotalCorrected: stating,
    ProviderTotalWithdrawn: changing(providerTotals, ofTotal, () => []),
  },
});
