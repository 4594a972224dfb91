import { z } from 'zod';
import { conflict, invalid } from '../errors.js';
import { type IdSchema, zId } from '../schema.js';
import { correctedFields, periodsOfTerms, setFields, type TermsPeriod, type TermsVersion } from '../terms/terms.js';
import { earlier, type Instant, isBefore, lastInstantBefore, later } from '../time/instant.js';
import { contains, overlaps, type Period } from '../time/period.js';

/** Who pays for a tenant: another tenant, to which its invoices are addressed. In the stream of the tenant. */
const termsWith = (zId: IdSchema) =>
  z.strictObject({
    /** null: the tenant pays for itself. */
    payerId: zId.nullable(),
  });
export type PayerTerms = z.infer<ReturnType<typeof termsWith>>;

// Stored permanently.
export const payerEventsWith = (zId: IdSchema) => ({
  PayerSet: z.object({ tenantId: zId, ...setFields(termsWith(zId)) }),
  /** The payers as they are true now. */
  PayerCorrected: z.object({ tenantId: zId, ...correctedFields(termsWith(zId)) }),
});
export const payerEvents = payerEventsWith(zId);

/** The payer of a tenant over a period in which it does not change. */
export interface Payer extends TermsPeriod<PayerTerms> {
  readonly tenantId: string;
}

/**
 * To whom an invoice as of an instant is addressed: who pays at the end of the last charge period that has ended by
 * then, or where all of it is in advance, at the beginning. null: the tenant itself. A payer of the payer is not asked.
 */
export function payerFor(
  payers: readonly Payer[],
  asOf: Instant,
  rows: readonly { readonly chargePeriod: Period }[],
): string | null {
  const ends = rows.map(({ chargePeriod: { end } }) => end).filter((end) => !isBefore(asOf, end));
  const isInAdvance = rows.length > 0 && ends.length === 0;
  const at = isInAdvance
    ? rows.map(({ chargePeriod: { start } }) => start).reduce(earlier)
    : lastInstantBefore(ends.reduce(later, ends[0] ?? asOf));
  return payers.find(({ period }) => contains(period, at))?.terms.payerId ?? null;
}

/** Errors: `own_payer`. */
export function assertAnother(tenantId: string, payerId: string | null): void {
  if (payerId === tenantId)
    throw invalid('own_payer', `tenant ${tenantId} can't be its own payer: for itself, it pays with payerId null`, [
      { field: 'payerId', message: 'must be another tenant, or null' },
    ]);
}

/**
 * A payer pays for itself: there is one level. `others`: payers of the payers, and tenants that this one pays for.
 * Errors: `payer_has_payer`, `payer_of_others`.
 */
export function assertOneLevel(
  tenantId: string,
  versions: readonly TermsVersion<PayerTerms>[],
  others: readonly Payer[],
): void {
  for (const { terms, period } of periodsOfTerms(versions)) {
    const { payerId } = terms;
    if (payerId === null) continue;
    const during = others.filter((each) => each.terms.payerId !== null && overlaps(each.period, period));
    const above = during.find((each) => each.tenantId === payerId);
    if (above !== undefined)
      throw conflict(
        'payer_has_payer',
        `tenant ${payerId} can't pay for ${tenantId} from ${period.start} on: ${above.terms.payerId ?? ''} pays for` +
          ` it from ${above.period.start} on. Name a tenant that pays for itself.`,
      );
    const below = during.find((each) => each.terms.payerId === tenantId);
    if (below !== undefined)
      throw conflict(
        'payer_of_others',
        `tenant ${tenantId} pays for ${below.tenantId} from ${below.period.start} on, so it can't have a payer from` +
          ` ${period.start} on. End that first, with set-payer of ${below.tenantId}.`,
      );
  }
}
