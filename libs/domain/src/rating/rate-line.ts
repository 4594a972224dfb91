import { invalid } from '../errors.js';
import { type Decimal, decimal, text, ZERO } from '../money/decimal.js';
import { scaleOf } from '../money/money.js';
import type { Usage } from '../prices/model.js';
import { billedWhen } from '../prices/price.js';
import { cumulativeRows } from './cumulative.js';
import { capped, headroom } from './maximum.js';
import { minimumCommitment } from './minimum.js';
import { netOf, type RatedRow } from './row.js';
import { add, subtract } from './subtract.js';
import { guardCommitments, type ItemTerms } from './terms.js';

/** A piece of a part within one segment. `cumulative` is the usage from the period's start to the end of this piece. */
export interface Piece {
  readonly part: number;
  readonly cumulative: Usage;
  /** Units of others that are included up to there, in converted units. Absent: none. */
  readonly shared?: Decimal | undefined;
}

/** A segment of the period under one version of the terms, cut into pieces that tile it. */
export interface Segment {
  readonly terms: ItemTerms;
  /**
   * The usage from the period's start to the start of this segment, measured by these terms; null at the line's start.
   */
  readonly usedBefore: Usage | null;
  /** The same of units of others that are included. */
  readonly sharedBefore?: Decimal | undefined;
  readonly pieces: readonly Piece[];
  /** True if the quantity is known only at the end (average, minimum, latest): then nothing is billed before. */
  readonly billedAtPeriodEnd?: boolean;
}

/** A line over one period. `final`: the period is over, and the last piece ends with it. */
export interface LineUsage {
  readonly currency: string;
  readonly segments: readonly Segment[];
  readonly final: boolean;
}

export interface RatedPart {
  readonly part: number;
  readonly rows: readonly RatedRow[];
}

/** The amounts booked so far, by part and in total. */
class Booking {
  private readonly rowsByPart = new Map<number, RatedRow[]>();
  private total: Decimal = netOf([]);
  get net(): Decimal {
    return this.total;
  }
  book(part: number, rows: readonly RatedRow[]): void {
    this.rowsByPart.set(part, add(this.rowsByPart.get(part) ?? [], rows));
    this.total = this.total.plus(netOf(rows));
  }
  parts(): RatedPart[] {
    return [...this.rowsByPart].map(([part, rows]) => ({ part, rows }));
  }
}

/**
 * The rows of every part of a line, as now known. A piece comes to its cumulative rows minus those at its start. At the
 * line's start there are none, so a flat price and the flat amount of tier 1 are due at once. At the start of a later
 * segment they are its own terms, applied to the usage before it. Amounts due at the period's end are on the last part,
 * and only if `final`.
 */
export function ratedParts({ currency, segments, final }: LineUsage): RatedPart[] {
  const scale = scaleOf(currency);
  guardSegments(segments, currency);
  const booking = new Booking();
  const atPeriodEnd: RatedRow[][] = [];
  for (const { terms, usedBefore, sharedBefore, pieces, billedAtPeriodEnd } of segments) {
    const before = usedBefore === null ? [] : cumulativeRows(including(terms, sharedBefore), usedBefore, scale);
    const sinceStart = ({ cumulative, shared }: Piece): RatedRow[] =>
      subtract(cumulativeRows(including(terms, shared), cumulative, scale), before);
    if (billedAtPeriodEnd === true || billedWhen(terms.price) === 'at_period_end') {
      for (const { part } of pieces) booking.book(part, []);
      const last = pieces.at(-1);
      if (last !== undefined) atPeriodEnd.push(sinceStart(last));
      continue;
    }
    const room = headroom(terms, booking.net, currency);
    let atPieceStart: RatedRow[] = [];
    for (const piece of pieces) {
      const atPieceEnd = capped(sinceStart(piece), room);
      booking.book(piece.part, subtract(atPieceEnd, atPieceStart));
      atPieceStart = atPieceEnd;
    }
  }
  if (final) bookPeriodEnd(booking, atPeriodEnd, segments, currency);
  return booking.parts();
}

/** Terms whose included units are raised by units of others. */
const including = (terms: ItemTerms, shared: Decimal = ZERO): ItemTerms =>
  shared.eq(ZERO) ? terms : { ...terms, included: text(decimal(terms.included ?? '0').plus(shared)) };

/** Books amounts due at the period's end last, so that the commitments in force then apply to them. */
function bookPeriodEnd(
  booking: Booking,
  atPeriodEnd: readonly RatedRow[][],
  segments: readonly Segment[],
  currency: string,
): void {
  const closing = segments.findLast(({ pieces }) => pieces.length > 0);
  const lastPart = closing?.pieces.at(-1)?.part;
  if (closing === undefined || lastPart === undefined) return;
  for (const rows of atPeriodEnd) booking.book(lastPart, capped(rows, headroom(closing.terms, booking.net, currency)));
  const minimum = minimumCommitment(closing.terms, booking.net, currency);
  if (minimum !== null) booking.book(lastPart, [minimum]);
}

function guardSegments(segments: readonly Segment[], currency: string): void {
  let previous: number | undefined;
  for (const [index, { terms, usedBefore, pieces }] of segments.entries()) {
    guardCommitments(terms, currency);
    if ((index === 0) !== (usedBefore === null)) {
      throw invalid(
        'segment_without_start',
        `segments[${index}]: the usage before a segment is needed for every segment but the first`,
      );
    }
    for (const { part } of pieces) {
      if (previous !== undefined && part < previous) {
        throw invalid('parts_out_of_order', `segments[${index}]: part ${part} comes after part ${previous}`);
      }
      previous = part;
    }
  }
}
