import { z } from 'zod';
import {
  correctProviderTotal,
  foldProviderTotal,
  providerTotalEvents,
  providerTotalStream,
  withdrawProviderTotal,
  zProviderTotal,
} from '#domain/costs/provider-total';
import { isEventOf, type RecordedEvent } from '#domain/events';
import { zCurrency, zId, zText } from '#domain/schema';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import { corrected } from '#ledger/overtaken';
import { zMonth } from '#ledger/month';
import { ADMIN, defineQuery, pageOfRows, zOptionalId, zPage } from '#ledger/query';
import { PROVIDER_TOTAL_ORDER, readProviderTotalsPage } from '#projections/provider-totals/provider-totals.read';
import { listOf, zMoney } from './answers.js';
import type { Operations } from './declared.js';

type TotalEvent = Extract<RecordedEvent, { readonly type: keyof typeof providerTotalEvents }>;
const isTotal = isEventOf(providerTotalEvents);
const ofCurrency =
  (currency: string) =>
  (event: RecordedEvent): event is TotalEvent =>
    isTotal(event) && event.data.currency === currency;

const saidOf = ({ type, data }: TotalEvent): string =>
  type === 'ProviderTotalWithdrawn'
    ? `the total of ${data.invoiceRef} was withdrawn: ${data.reason}`
    : `the total of ${data.invoiceRef} was set to ${data.total} ${data.currency}`;

const { provider, invoiceRef, currency, period: month, total: amount, tax: taxAmount } = zProviderTotal.shape;
const fields = {
  provider,
  invoiceRef: invoiceRef.describe(
    'As the imported lines have it. Or what the references of several invoices begin with: an account and a month',
  ),
  currency,
};
const stated = {
  period: month.describe('The month that the invoice is for: 2026-04'),
  total: amount.describe('With tax'),
  tax: taxAmount.describe('The tax in it. 0 if there is none'),
};

const recordProviderTotal = defineCommand({
  name: 'record-provider-total',
  summary: 'Records what a provider’s invoice states as its total and its tax, to compare the imported lines with',
  fields: z.strictObject({
    ...fields,
    ...stated,
  }),
  key: (total) => [total.provider, total.invoiceRef, total.currency],
  roles: ADMIN,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-provider-total', 'withdraw'] },
  stated: (total, events) => foldProviderTotal(events.filter(isTotal), total.currency),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ provider: zId, invoiceRef: zId, currency: zCurrency }),
    async handle(call, core, correction) {
      return corrected(core, call, {
        stream: providerTotalStream(call.fields.provider, call.fields.invoiceRef),
        isOf: ofCurrency(call.fields.currency),
        decide: (events) =>
          withdrawProviderTotal(
            foldProviderTotal(events.filter(isTotal), call.fields.currency),
            call.fields,
            correction,
          ),
        saidOf,
      });
    },
  }),
  example: {
    provider: 'digitalocean',
    invoiceRef: '2026-04',
    currency: 'USD',
    period: '2026-04',
    total: '3.00',
    tax: '0.00',
  },
  async handle(call, core) {
    return core.book.decide(providerTotalStream(call.fields.provider, call.fields.invoiceRef), call, () => ({
      events: [{ type: 'ProviderTotalRecorded', data: call.fields }],
    }));
  },
});

const correctTotal = defineCommand({
  name: 'correct-provider-total',
  summary: 'Corrects the total, the tax or the month of a provider’s invoice. Absent fields stay',
  fields: z.strictObject({ ...fields, ...z.object(stated).partial().shape, reason: zText.min(1) }),
  key: 'body',
  roles: ADMIN,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-provider-total'] },
  example: {
    ...{ provider: 'digitalocean', invoiceRef: '2026-04', currency: 'USD' },
    ...{ period: '2026-04', total: '3.50', tax: '0.00', reason: 'a typo' },
  },
  async handle(call, core) {
    const { reason, period, total, tax, ...key } = call.fields;
    return corrected(core, call, {
      stream: providerTotalStream(key.provider, key.invoiceRef),
      isOf: ofCurrency(key.currency),
      decide: (events) =>
        correctProviderTotal(
          foldProviderTotal(events.filter(isTotal), key.currency),
          key,
          {
            ...(period === undefined ? {} : { period }),
            ...(total === undefined ? {} : { total }),
            ...(tax === undefined ? {} : { tax }),
          },
          reason,
        ),
      saidOf,
    });
  },
});

const zTotal = z
  .object({
    provider: z.string(),
    invoiceRef: z.string(),
    currency: z.string(),
    period: z.string().describe('The month: 2026-04'),
    total: zMoney.describe('With tax'),
    tax: zMoney,
  })
  .meta({ id: 'ProviderTotal' });

const providerTotals = defineQuery({
  name: 'provider-totals',
  summary: 'What provider invoices state as their totals, as recorded',
  path: 'provider-totals',
  params: zPage.extend({ provider: zOptionalId, period: zMonth.optional().describe('The month: 2026-04') }),
  roles: ADMIN,
  answer: listOf(zTotal),
  example: { period: '2026-04' },
  async handle({ provider: of, period, ...page }, { core, position }) {
    return pageOfRows({
      order: PROVIDER_TOTAL_ORDER,
      page,
      position,
      read: async (rows) =>
        readProviderTotalsPage(core.db, position, { provider: of, month: period?.start.slice(0, 7) }, rows),
      toItems: (rows) =>
        rows.map((row) => ({
          provider: row.provider,
          invoiceRef: row.invoice_ref,
          currency: row.currency,
          period: row.month,
          total: row.total,
          tax: row.tax,
        })),
    });
  },
});

export const providerTotalOperations: Operations = {
  commands: [recordProviderTotal, correctTotal],
  queries: [providerTotals],
};
