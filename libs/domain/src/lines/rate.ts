import { invalid, type DomainError } from '../errors.js';
import { type Decimal, sum, ZERO } from '../money/decimal.js';
import { isDomainError } from '../schema.js';
import type { Usage } from '../prices/model.js';
import { billedWhen } from '../prices/price.js';
import { MINIMUM_COMMITMENT } from '../prices/refs.js';
import { trueUp } from '../rating/minimum.js';
import { ratedParts, type Segment } from '../rating/rate-line.js';
import { netOf, type RatedRow } from '../rating/row.js';
import { add } from '../rating/subtract.js';
import { compareInstants, earlier, type Instant, isBefore, lastInstantBefore } from '../time/instant.js';
import { cutAt, intersection, type Period } from '../time/period.js';
import { raisedBy, type SharedOut, takenOff, withoutMinimum } from './pool.js';
import { billedHow, feeTerms, isBaseFee, isCommitment, isGrowing, type LineDefinition, needsRates } from './line.js';

/** A part of a line, as recorded in the line's stream. A line without cuts is one part with the line's own id. */
export interface Part {
  readonly partId: string;
  readonly period: Period;
  /** Whether an issued invoice bills it. */
  readonly issued?: boolean;
}

/**
 * A segment of a part in which all that is effective-dated stays the same: plan terms, tax, coupons. It has rows of its
 * own, so no amount depends on where invoices cut. `at`: the instant whose terms, tax and coupons hold.
 */
export interface Charge extends Part {
  readonly at: Instant;
  /** What it is for: its own period, or all of the line's where it is due at the end of that. */
  readonly chargePeriod: Period;
  /** Whether it is what the share of a pool takes off the line over its period. Then it is on the last part. */
  readonly isShare?: true;
}

type Rateable = Part & Pick<Charge, 'isShare'>;

/**
 * The charges of a line's parts. `changes`: the instants at which a tax or a coupon of the line begins or ends. A fee
 * in advance has what is in force at its start; what is due at the period's end has what is in force at its last
 * instant. What the share of a pool takes off has what was in force where it was charged.
 */
export function chargesOf(line: LineDefinition, parts: readonly Part[], changes: readonly Instant[]): Charge[] {
  const own = ownCharges(line, parts, changes);
  const last = parts.at(-1);
  if (line.pool === undefined || last === undefined || !isFinal(line, parts)) return own;
  const whole = { ...last, period: line.period };
  return [...own, ...ownCharges(line, [whole], changes).map((charge) => ({ ...charge, isShare: true as const }))];
}

function ownCharges(line: LineDefinition, parts: readonly Part[], changes: readonly Instant[]): Charge[] {
  switch (billedHow(line)) {
    case 'in_advance':
      return parts.map((part) => ({ ...part, at: line.period.start, chargePeriod: wholePeriodOf(line, part) }));
    case 'at_period_end': {
      const at = lastInstantBefore(line.period.end);
      return parts.map((part) => ({ ...part, at, chargePeriod: wholePeriodOf(line, part) }));
    }
    case 'progressively': {
      const cuts = [...changes, ...line.segments.map(({ period }) => period.start)];
      return parts.flatMap((part) =>
        cutAt(part.period, cuts).map((period) => ({ ...part, period, at: period.start, chargePeriod: period })),
      );
    }
  }
}

/** A base fee is prorated: each part has its own share. Any other amount is for all of the line's period. */
const wholePeriodOf = (line: LineDefinition, part: Part): Period => (isBaseFee(line) ? part.period : line.period);

/** What a row of a charge is for. A minimum is for the whole period, wherever the last part begins. */
export const chargePeriodOf = (line: LineDefinition, charge: Charge, { ref }: Pick<RatedRow, 'ref'>): Period =>
  ref === MINIMUM_COMMITMENT ? line.period : charge.chargePeriod;

/** Usage from the line's period.start up to an instant, as its aggregation and filter measure it. */
export interface UsageUpTo {
  (at: Instant): Usage;
  /** How a pool of the line is shared out, by the usage of all of its lines. */
  readonly sharedOut?: (pool: readonly LineDefinition[]) => SharedOut;
}

/** A line that cannot be billed, and the reason. All other lines are billed. */
export interface Quarantined {
  readonly lineId: string;
  readonly code: string;
  readonly message: string;
}

/** The rows of each part or charge, in their order. */
export type LineRating = { readonly rows: readonly (readonly RatedRow[])[] } | { readonly quarantined: Quarantined };

/** The pieces of a line between the bounds of its parts and segments: each is within one part and one segment. */
function pieces(line: LineDefinition, parts: readonly Part[]): { segment: number; part: number; period: Period }[] {
  return line.segments.flatMap((segment, segmentIndex) =>
    parts.flatMap((part, partIndex) => {
      const common = intersection(part.period, segment.period);
      return common === null ? [] : [{ segment: segmentIndex, part: partIndex, period: common }];
    }),
  );
}

/** The instants up to which the line's usage must be known to rate these parts. */
export function usageInstants(line: LineDefinition, parts: readonly Part[]): Instant[] {
  if (isBaseFee(line)) return [];
  // Nothing is due of a commitment before its term ends.
  if (isCommitment(line)) return isFinal(line, parts) ? [line.period.end] : [];
  const needed = pieces(line, parts).flatMap(({ period }) => [period.start, period.end]);
  return [...new Set(needed)].filter((at) => isBefore(line.period.start, at)).sort(compareInstants);
}

/**
 * The rows of every part (or charge) of a line, as now known. `parts` begin at the line's start and have no gaps. If
 * the last part ends with the line, the period is over. `currency` is the tenant's.
 */
export function rateLine(
  line: LineDefinition,
  parts: readonly Rateable[],
  usageUpTo: UsageUpTo,
  currency: string,
): LineRating {
  try {
    if (line.currency !== currency)
      throw invalid(
        'currency_mismatch',
        `plan ${line.segments[0]?.planId ?? '?'} is in ${line.currency}, but tenant ${line.tenantId} is billed in` +
          ` ${currency}: currencies are not converted. Add ${line.currency} to its currencies with correct-tenant`,
      );
    return { rows: rowsOf(line, parts, usageUpTo) };
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return { quarantined: quarantine(line, error) };
  }
}

function rowsOf(line: LineDefinition, parts: readonly Rateable[], usageUpTo: UsageUpTo): (readonly RatedRow[])[] {
  if (isBaseFee(line)) return baseFeeRows(line, parts);
  return isCommitment(line) ? trueUpRows(line, parts, usageUpTo) : usageRows(line, parts, usageUpTo);
}

/**
 * Whether the line can be quarantined at all: rates may be missing, and the currency may be another. Every other price
 * is checked when it is stated.
 */
export const mayBeQuarantined = (line: LineDefinition, currency: string): boolean =>
  line.currency !== currency ||
  needsRates(line) ||
  line.term?.hasPeriods === false ||
  (line.counted ?? []).some((counted) => counted.currency !== line.currency || needsRates(counted));

/** Whether the line may have an amount that falls due only when its period ends. */
export const hasDueAtPeriodEnd = (line: Pick<LineDefinition, 'aggregation' | 'segments' | 'pool'>): boolean =>
  billedHow(line) !== 'in_advance' &&
  (!isGrowing(line) ||
    line.pool !== undefined ||
    line.segments.some(
      ({ terms }) => billedWhen(terms.price) === 'at_period_end' || terms.commitments?.minimum !== undefined,
    ));

const quarantine = (line: LineDefinition, { code, message }: DomainError): Quarantined => ({
  lineId: line.lineId,
  code,
  message: `${line.billingKind} of subscription ${line.subscriptionId}: ${message}`,
});

const isFinal = (line: LineDefinition, parts: readonly Part[]): boolean => {
  const last = parts.at(-1);
  return last !== undefined && !isBefore(last.period.end, line.period.end);
};

/** When the period ends, the share of a pool is taken off what the whole line comes to. */
function usageRows(line: LineDefinition, parts: readonly Rateable[], usageUpTo: UsageUpTo): (readonly RatedRow[])[] {
  const [shares, own] = [parts.filter(({ isShare }) => isShare), parts.filter(({ isShare }) => isShare !== true)];
  const alone = rowsWithShare(line, own, usageUpTo, ZERO);
  if (shares.length === 0) return alone;
  const share = shareOf(line, usageUpTo);
  if (share.eq(ZERO)) return [...alone, ...shares.map(() => [])];
  const shared = rowsWithShare(line, shares, usageUpTo, share);
  return [...alone.map(withoutMinimum), ...takenOff(rowsWithShare(line, shares, usageUpTo, ZERO), shared)];
}

/** What a line gets of the units that others of its pool leave. */
function shareOf({ lineId, pool = [] }: LineDefinition, { sharedOut }: UsageUpTo): Decimal {
  const member = sharedOut?.(pool).members.get(lineId);
  if (member === undefined) throw new Error(`the usage of the pool of line ${lineId} was not loaded`);
  return member.share;
}

/** `share`: units of others that are included beside the line's own. */
function rowsWithShare(
  line: LineDefinition,
  parts: readonly Part[],
  usageUpTo: UsageUpTo,
  share: Decimal,
): (readonly RatedRow[])[] {
  const usageAt = (at: Instant): Usage =>
    compareInstants(at, line.period.start) <= 0 ? nothingUsed(line) : usageUpTo(at);
  const bySegment = share.eq(ZERO) ? [] : raisedBy(line, share, (_, at) => scalarOf(usageUpTo(at)));
  const cut = pieces(line, parts);
  const segments = line.segments.flatMap((segment, index): Segment[] => {
    const raised = bySegment[index];
    const within = cut.filter((piece) => piece.segment === index);
    if (within.length === 0) return [];
    return [
      {
        terms: segment.terms,
        usedBefore: index === 0 ? null : usageAt(segment.period.start),
        sharedBefore: raised?.before,
        pieces: within.map(({ part, period }) => {
          const cumulative = usageAt(period.end);
          return { part, cumulative, shared: raised?.upTo(scalarOf(cumulative)) };
        }),
        billedAtPeriodEnd: !isGrowing(line),
      },
    ];
  });
  const rated = ratedParts({ currency: line.currency, segments, final: isFinal(line, parts) });
  const rowsOf = new Map(rated.map(({ part, rows }) => [part, rows]));
  return parts.map((_, index) => rowsOf.get(index) ?? []);
}

const nothingUsed = (line: LineDefinition): Usage => (needsRates(line) ? [] : ZERO);

/**
 * Each piece of a base fee is prorated, and together they are the fee. A fee in arrears is due when the period ends, or
 * when an invoice billed its part.
 */
function baseFeeRows(line: LineDefinition, parts: readonly Part[]): (readonly RatedRow[])[] {
  const isOver = isFinal(line, parts);
  return parts.map((part) => {
    const rows = line.segments.flatMap((segment) => {
      const piece = intersection(part.period, segment.period);
      if (piece === null) return [];
      const terms = feeTerms(line, segment, piece);
      const pieces = [{ part: 0, cumulative: ZERO }];
      const final = isOver || part.issued === true;
      return ratedParts({ currency: line.currency, segments: [{ terms, usedBefore: null, pieces }], final }).flatMap(
        (rated) => rated.rows,
      );
    });
    // Pieces with the same reference and unit amount are one row, as everywhere.
    return add([], rows);
  });
}

/** What the term lacks to its commitment is on the last part, once the term is over. */
function trueUpRows(line: LineDefinition, parts: readonly Part[], usageUpTo: UsageUpTo): (readonly RatedRow[])[] {
  const terms = line.segments.at(-1)?.terms;
  if (terms === undefined || !isFinal(line, parts)) return parts.map(() => []);
  const row = trueUp(terms, scalarOf(usageUpTo(line.period.end)), line.currency);
  return parts.map((_, index) => (row === null || index < parts.length - 1 ? [] : [row]));
}

/** Usage as one quantity. That of a rate card is divided by rate. */
export const scalarOf = (usage: Usage): Decimal =>
  'times' in usage ? usage : sum(usage.map(({ quantity }) => quantity));

/** A line that draws down a commitment, up to an instant, as one charge for each of its segments. */
export function drawnCharges(counted: LineDefinition, at: Instant): Charge[] {
  const { lineId: partId, period } = counted;
  if (billedHow(counted) === 'in_advance')
    return isBefore(at, period.start) ? [] : chargesOf(counted, [{ partId, period }], []);
  if (!isBefore(period.start, at)) return [];
  return chargesOf(counted, [{ partId, period: { start: period.start, end: earlier(period.end, at) } }], []);
}

/** A line that a commitment counts, and what its charges come to. */
export interface DrawnLine {
  readonly line: LineDefinition;
  readonly net: Decimal;
  readonly rows: readonly RatedRow[];
}

/**
 * What the lines that a commitment counts come to up to an instant: before coupons, credits and tax, and whatever is
 * billed of it yet. Errors: `commitment_period`, `currency_mismatch`, and those of a line that can't be rated.
 */
export function drawnLines(
  { counted = [], currency, term }: LineDefinition,
  at: Instant,
  usageOf: (line: LineDefinition) => UsageUpTo,
): DrawnLine[] {
  if (term?.hasPeriods === false)
    throw invalid(
      'commitment_period',
      `no billing period of the subscription starts in the term from ${term.start} to ${term.end}: give it other` +
        ' bounds with correct-commitment',
    );
  return counted.flatMap((line) => {
    const charges = drawnCharges(line, at);
    if (charges.length === 0) return [];
    if (line.currency !== currency)
      throw invalid(
        'currency_mismatch',
        `${line.billingKind} is charged in ${line.currency} from ${line.period.start} on (plan` +
          ` ${line.segments[0]?.planId ?? '?'}), but the commitment is in ${currency}: nothing is converted. End its` +
          ' terms there with correct-commitment',
      );
    const rating = rateLine(line, charges, usageOf(line), currency);
    if ('quarantined' in rating) throw invalid(rating.quarantined.code, rating.quarantined.message);
    const rows = rating.rows.flat();
    return [{ line, net: netOf(rows), rows }];
  });
}

/** What draws a commitment down up to an instant, of money: it is the usage of the commitment's line. */
export const drawnDown = (...of: Parameters<typeof drawnLines>): Decimal =>
  sum(drawnLines(...of).map(({ net }) => net));
