import { z } from 'zod';
import type { Correction } from '../correction.js';
import { invalid, notFound } from '../errors.js';
import { decimal } from '../money/decimal.js';
import { type EventOf, type IdSchema, zCurrency, zDecimal, zId, zText } from '../schema.js';
import { streamName } from '../stream-name.js';

/** What a provider states as the total of an invoice, to compare the imported lines with. */
export const providerTotalStream = (provider: string, invoiceRef: string): string =>
  streamName('bill', [provider, invoiceRef]);

const zMonthName = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'is not a month such as "2026-04"');

const totalWith = (zId: IdSchema) => ({
  provider: zId,
  invoiceRef: zId,
  currency: zCurrency,
  /** The month that the invoice is for. */
  period: zMonthName,
  /** With tax. */
  total: zDecimal,
  tax: zDecimal,
});
export const zProviderTotal = z.strictObject(totalWith(zId));
export type ProviderTotal = z.infer<typeof zProviderTotal>;
/** What a correction may change. */
export type ProviderTotalChanges = Partial<Pick<ProviderTotal, 'period' | 'total' | 'tax'>>;

// Stored permanently.
export const providerTotalEventsWith = (zId: IdSchema) => ({
  ProviderTotalRecorded: z.object(totalWith(zId)),
  /** The total as it is true now. */
  ProviderTotalCorrected: z.object({ ...totalWith(zId), reason: zText }),
  /** The total never was. */
  ProviderTotalWithdrawn: z.object({
    provider: zId,
    invoiceRef: zId,
    currency: zCurrency,
    withdrawn: z.string().optional(),
    reason: zText,
  }),
});
export const providerTotalEvents = providerTotalEventsWith(zId);
export type ProviderTotalEvent = EventOf<typeof providerTotalEventsWith>;

/** The total of an invoice in one currency, by its events. null: there is none. */
export function foldProviderTotal(events: Iterable<ProviderTotalEvent>, currency: string): ProviderTotal | null {
  let known: ProviderTotal | null = null;
  for (const { type, data } of events) {
    if (data.currency !== currency) continue;
    known = type === 'ProviderTotalWithdrawn' ? null : totalOf(data);
  }
  return known;
}

const totalOf = ({ provider, invoiceRef, currency, period, total, tax }: ProviderTotal): ProviderTotal => ({
  ...{ provider, invoiceRef, currency, period, total, tax },
});

type Key = Pick<ProviderTotal, 'provider' | 'invoiceRef' | 'currency'>;

/** Errors: `unknown_provider_total`, `nothing_to_correct`. */
export function correctProviderTotal(
  known: ProviderTotal | null,
  key: Key,
  { period, total, tax }: ProviderTotalChanges,
  reason: string,
): ProviderTotalEvent[] {
  if (period === undefined && total === undefined && tax === undefined)
    throw invalid('nothing_to_correct', 'correct-provider-total: give at least one of period, total, tax');
  if (known === null) throw unknownTotal(key, 'Use record-provider-total.');
  const after = {
    ...known,
    period: period ?? known.period,
    total: total ?? known.total,
    tax: tax ?? known.tax,
  };
  const isSame =
    after.period === known.period &&
    decimal(after.total).eq(decimal(known.total)) &&
    decimal(after.tax).eq(decimal(known.tax));
  return isSame ? [] : [{ type: 'ProviderTotalCorrected', data: { ...after, reason } }];
}

/** Errors: `unknown_provider_total`. */
export function withdrawProviderTotal(
  known: ProviderTotal | null,
  key: Key,
  correction: Correction,
): ProviderTotalEvent[] {
  if (known === null) throw unknownTotal(key, 'There is nothing to withdraw.');
  const { provider, invoiceRef, currency } = key;
  return [{ type: 'ProviderTotalWithdrawn', data: { provider, invoiceRef, currency, ...correction } }];
}

const unknownTotal = ({ provider, invoiceRef, currency }: Key, remedy: string) =>
  notFound(
    'unknown_provider_total',
    `no total in ${currency} is recorded of invoice ${invoiceRef} of provider ${provider}. ${remedy}`,
  );
