import { z } from 'zod';
import { conflict, notFound } from '../errors.js';
import { type Decimal, decimal, divide, integer } from '../money/decimal.js';
import { correctionFields, type EventOf, type IdSchema, zCurrency, zDecimal, zId, zInstant, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import { compareInstants, earlier, type Instant, isBefore } from '../time/instant.js';
import {
  assertEffective,
  contains,
  cutAt,
  lengthMicros,
  type OpenPeriod,
  overlaps,
  type Period,
  periodText,
} from '../time/period.js';
import { type RateKey, rateKeyWith } from '../usage/usage.js';

/** The price history of one rate key. Keys are compared byte by byte. */
export const rateStream = ({ resourceType, resourceFamily, location }: RateKey): string =>
  streamName('rate', [resourceType, resourceFamily, location], { separator: '/' });

export const rateKeyText = ({ resourceType, resourceFamily, location }: RateKey): string =>
  `${resourceType}/${resourceFamily}/${location}`;

/** `duration`: a quantity is amount × duration in the rate's unit; `amount`: a plain amount. */
export const RATE_BASES = ['duration', 'amount'] as const;

// Stored permanently. A correction without an end has the one that was decided: the key's next change.
export const rateEventsWith = (zId: IdSchema) => ({
  RateSet: rateKeyWith(zId).extend({
    unit: zText.nullable(),
    unitPrice: zDecimal,
    currency: zCurrency,
    basis: z.enum(RATE_BASES),
    /** Absent: only the tenants whose usage is or was rated under the key see it. */
    public: z.boolean().optional(),
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.nullable(),
  }),
  RateCorrected: rateKeyWith(zId).extend({
    unitPrice: zDecimal,
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.nullable(),
    reason: zText,
  }),
  RateWithdrawn: z.object({ resourceType: zId, resourceFamily: zId, location: zId, from: zInstant, reason: zText }),
  /** All prices of the key as they are true now. */
  RateKeyCorrected: rateKeyWith(zId).extend({
    segments: z.array(
      z.object({
        unit: zText.nullable(),
        unitPrice: zDecimal,
        currency: zCurrency,
        basis: z.enum(RATE_BASES),
        public: z.boolean().optional(),
        effectiveFrom: zInstant,
        effectiveUntil: zInstant.nullable(),
      }),
    ),
    ...correctionFields,
  }),
});

export const rateEvents = rateEventsWith(zId);

export type RateEvent = EventOf<typeof rateEventsWith>;

/** A price over `[effectiveFrom, effectiveUntil)`. The segments of a key never overlap. */
export interface RateSegment {
  readonly effectiveFrom: Instant;
  readonly effectiveUntil: Instant | null;
  readonly unitPrice: string;
  readonly unit: string | null;
  readonly currency: string;
  readonly basis: (typeof RATE_BASES)[number];
  /** true: every tenant sees this price. */
  readonly public?: boolean | undefined;
}

const periodOf = (segment: RateSegment): OpenPeriod => ({
  start: segment.effectiveFrom,
  end: segment.effectiveUntil,
});

/** The segments of a key after one more event, in order of time. */
export function applyRateEvent(segments: readonly RateSegment[], event: RateEvent): RateSegment[] {
  switch (event.type) {
    case 'RateSet': {
      const { unit, unitPrice, currency, basis, public: isPublic, effectiveFrom, effectiveUntil } = event.data;
      // It ends the price before it permanently: after its own end the key has no price.
      const closed = segments.flatMap((segment) =>
        contains(periodOf(segment), effectiveFrom) ? remainderOutside([segment], effectiveFrom, null) : [segment],
      );
      const set = { effectiveFrom, effectiveUntil, unitPrice, unit, currency, basis, ...shown(isPublic === true) };
      return inOrder([...closed, set]);
    }
    case 'RateCorrected': {
      const { unitPrice, effectiveFrom, effectiveUntil } = event.data;
      const like = likeAt(segments, effectiveFrom);
      if (like === undefined) return [...segments];
      const { public: _, ...terms } = like;
      const over = { start: effectiveFrom, end: effectiveUntil };
      const touched = segments.filter((segment) => overlaps(periodOf(segment), over));
      // A price that is not public stays so.
      const isShown = (touched.length === 0 ? [like] : touched).every(isPublic);
      // A reversed correction leaves no trace. A price that was set stays separate: its start counts as a change of the
      // key.
      return joined(
        replaceOver(segments, { ...terms, effectiveFrom, effectiveUntil, unitPrice, ...shown(isShown) }),
        (at, a, b) => (at === effectiveFrom || at === effectiveUntil) && isPublic(a) === isPublic(b),
      );
    }
    case 'RateWithdrawn':
      return remainderOutside(segments, event.data.from, null);
    case 'RateKeyCorrected':
      return [...event.data.segments];
  }
}

export const foldRates = (events: Iterable<RateEvent>): RateSegment[] =>
  [...events].reduce<RateSegment[]>(applyRateEvent, []);

const isPublic = (segment: RateSegment): boolean => segment.public === true;
const shown = (isShown: boolean): Pick<RateSegment, 'public'> => (isShown ? { public: true } : {});

/**
 * The unit, currency and basis of a correction are those of the segment that it corrects; else of the nearest before;
 * else of the nearest after.
 */
function likeAt(segments: readonly RateSegment[], at: Instant): RateSegment | undefined {
  const before = segments.filter(({ effectiveFrom }) => compareInstants(effectiveFrom, at) <= 0);
  return before.at(-1) ?? segments[0];
}

function replaceOver(segments: readonly RateSegment[], added: RateSegment): RateSegment[] {
  return inOrder([...remainderOutside(segments, added.effectiveFrom, added.effectiveUntil), added]);
}

const inOrder = (segments: readonly RateSegment[]): RateSegment[] =>
  [...segments].sort((a, b) => compareInstants(a.effectiveFrom, b.effectiveFrom));

/** Merges neighbouring segments with the same terms. `where`: only at these instants, and of these segments. */
function joined(
  segments: readonly RateSegment[],
  where: (at: Instant, a: RateSegment, b: RateSegment) => boolean = () => true,
): RateSegment[] {
  const result: RateSegment[] = [];
  for (const segment of segments) {
    const last = result.at(-1);
    const isSame =
      last !== undefined &&
      last.effectiveUntil === segment.effectiveFrom &&
      sameTerms(last, segment) &&
      where(segment.effectiveFrom, last, segment);
    if (isSame) result[result.length - 1] = { ...last, effectiveUntil: segment.effectiveUntil };
    else result.push(segment);
  }
  return result;
}

const sameTerms = (a: RateSegment, b: RateSegment): boolean =>
  decimal(a.unitPrice).eq(decimal(b.unitPrice)) &&
  a.unit === b.unit &&
  a.currency === b.currency &&
  a.basis === b.basis;

/** Whether the same price holds at every instant. */
function samePrices(before: readonly RateSegment[], after: readonly RateSegment[]): boolean {
  const [was, is] = [joined(before), joined(after)];
  return (
    was.length === is.length &&
    was.every((segment, index) => {
      const other = is[index];
      return (
        other !== undefined &&
        segment.effectiveFrom === other.effectiveFrom &&
        segment.effectiveUntil === other.effectiveUntil &&
        sameTerms(segment, other)
      );
    })
  );
}

function remainderOutside(segments: readonly RateSegment[], from: Instant, until: Instant | null): RateSegment[] {
  return segments.flatMap((segment) => {
    const before: RateSegment[] = isBefore(segment.effectiveFrom, from)
      ? [{ ...segment, effectiveUntil: segment.effectiveUntil === null ? from : earlier(segment.effectiveUntil, from) }]
      : [];
    const endsAfter = until !== null && (segment.effectiveUntil === null || isBefore(until, segment.effectiveUntil));
    const after: RateSegment[] = endsAfter
      ? [{ ...segment, effectiveFrom: isBefore(segment.effectiveFrom, until) ? until : segment.effectiveFrom }]
      : [];
    return [...before, ...after];
  });
}

/** Every instant at which the key's price changes, its ends included. */
export const changes = (segments: readonly RateSegment[]): Instant[] =>
  [
    ...new Set(
      segments.flatMap(({ effectiveFrom, effectiveUntil }) =>
        effectiveUntil === null ? [effectiveFrom] : [effectiveFrom, effectiveUntil],
      ),
    ),
  ].sort(compareInstants);

export const nextChange = (segments: readonly RateSegment[], after: Instant): Instant | null =>
  changes(segments).find((at) => isBefore(after, at)) ?? null;

type SetRate = Extract<RateEvent, { type: 'RateSet' }>['data'];
type CorrectRate = Extract<RateEvent, { type: 'RateCorrected' }>['data'];
type WithdrawRate = Extract<RateEvent, { type: 'RateWithdrawn' }>['data'];

/**
 * Sets a price from an instant on, and ends the price before it. Without an end it holds until the key's next change.
 * It is refused if that period has a price already and begins before the key's latest change: that is a correction.
 */
export function setRate(segments: readonly RateSegment[], input: SetRate): RateEvent[] {
  assertEffective(input.effectiveFrom, input.effectiveUntil);
  const latest = changes(segments).at(-1);
  const effectiveUntil = input.effectiveUntil ?? nextChange(segments, input.effectiveFrom);
  const wanted = { start: input.effectiveFrom, end: effectiveUntil };
  const inTheWay = segments.find((segment) => overlaps(periodOf(segment), wanted));
  if (latest !== undefined && isBefore(input.effectiveFrom, latest) && inTheWay !== undefined)
    throw conflict(
      'rate_overlap',
      `${rateKeyText(input)} has the price ${inTheWay.unitPrice} over ${periodText(periodOf(inTheWay))}:` +
        ` use correct-rate to change it before ${latest}`,
    );
  return [{ type: 'RateSet', data: { ...input, effectiveUntil } }];
}

/**
 * Corrects the price over a period, past or future. Without an end it holds until the key's next change. A price that
 * is right already yields nothing. A key whose prices were all withdrawn by mistake is priced again as it was last set
 * (`history`).
 */
export function correctRate(
  segments: readonly RateSegment[],
  input: CorrectRate,
  history: readonly RateEvent[] = [],
): RateEvent[] {
  assertEffective(input.effectiveFrom, input.effectiveUntil);
  if (segments.length === 0) {
    const last = history.findLast((event) => event.type === 'RateSet')?.data;
    if (last === undefined)
      throw notFound('unknown_rate', `${rateKeyText(input)} has no price to correct: use set-rate`);
    const { reason: _, ...price } = input;
    const { unit, currency, basis } = last;
    return [{ type: 'RateSet', data: { ...price, unit, currency, basis, ...shown(last.public === true) } }];
  }
  const event: RateEvent = {
    type: 'RateCorrected',
    data: { ...input, effectiveUntil: correctionStretch(segments, input).end },
  };
  return samePrices(segments, applyRateEvent(segments, event)) ? [] : [event];
}

/** The period that a correction is for. Without an end it ends at the key's next change. */
export const correctionStretch = (
  segments: readonly RateSegment[],
  { effectiveFrom, effectiveUntil }: Pick<CorrectRate, 'effectiveFrom' | 'effectiveUntil'>,
): OpenPeriod => ({
  start: effectiveFrom,
  end: effectiveUntil ?? nextChange(segments, effectiveFrom),
});

/** Ends a key: it has no price from that instant on. */
export function withdrawRate(segments: readonly RateSegment[], input: WithdrawRate): RateEvent[] {
  const last = segments.at(-1);
  if (last === undefined) throw notFound('unknown_rate', `${rateKeyText(input)} has no price to withdraw`);
  if (last.effectiveUntil !== null && !isBefore(input.from, last.effectiveUntil))
    throw conflict('rate_ended', `${rateKeyText(input)} has no price after ${last.effectiveUntil} already`);
  return [{ type: 'RateWithdrawn', data: input }];
}

/** The segment in force at an instant. At the instant of effectiveFrom the new price holds. */
export const rateAt = (segments: readonly RateSegment[], at: Instant): RateSegment | undefined =>
  segments.find((segment) => contains(periodOf(segment), at));

/** total = unit price × amount × duration, exactly: 0.000171296 × 4 × 1000 = 0.685184. It is not rounded. */
export const rateTotal = (unitPrice: string, amount: string, duration: string): Decimal =>
  decimal(unitPrice, 'unitPrice').times(decimal(amount, 'amount')).times(decimal(duration, 'duration'));

const SPLIT_SCALE = 12;

/**
 * The quantity of a reading, divided at the price changes within its period in proportion to time. The pieces telescope
 * to 12 decimals, R(q × elapsed at end) − R(q × elapsed at start), so they add up to the quantity. Setting the same
 * price again is no change: the piece has the segment in which the price first held.
 */
export function divideAtRateChanges(
  quantity: Decimal,
  over: Period,
  rates: readonly RateSegment[],
): { period: Period; quantity: Decimal; segment: RateSegment | undefined }[] {
  const segments = joined(rates);
  const pieces = cutAt(over, changes(segments));
  if (pieces.length === 1) return [{ period: over, quantity, segment: rateAt(segments, over.start) }];
  const whole = integer(lengthMicros(over));
  const upTo = (end: Instant): Decimal =>
    end === over.end
      ? quantity
      : end === over.start
        ? integer(0)
        : divide(quantity.times(integer(lengthMicros({ start: over.start, end }))), whole, SPLIT_SCALE);
  return pieces.map((piece) => ({
    period: piece,
    quantity: upTo(piece.end).minus(upTo(piece.start)),
    segment: rateAt(segments, piece.start),
  }));
}
