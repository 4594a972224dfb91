import { compareInstants, earlier, type Instant, isBefore } from '../time/instant.js';
import type { Period } from '../time/period.js';
import { billedHow, type LineDefinition, partIdOf } from './line.js';
import type { Part } from './rate.js';

/** A part as its line's stream recorded it, and the live invoice that claims it. */
export interface RecordedPart {
  readonly partId: string;
  readonly start: Instant;
  readonly invoiceId: string | null;
  /** Whether that invoice is issued: a draft's claim books nothing. */
  readonly issued: boolean;
}

export interface TiledPart extends Part {
  readonly invoiceId: string | null;
  readonly issued: boolean;
}

/**
 * The parts that tile a line: the recorded cuts, over the line's period as it is known now. A line that ended early has
 * shorter parts, or none where a part began after its end.
 */
export function tiles(line: LineDefinition, recorded: readonly RecordedPart[]): TiledPart[] {
  if (recorded.length === 0) return [{ partId: line.lineId, period: line.period, invoiceId: null, issued: false }];
  const inOrder = [...recorded].sort((a, b) => compareInstants(a.start, b.start));
  return inOrder.flatMap(({ partId, start, invoiceId, issued }, index) => {
    const end = earlier(inOrder[index + 1]?.start ?? line.period.end, line.period.end);
    return isBefore(start, end) ? [{ partId, period: { start, end }, invoiceId, issued }] : [];
  });
}

/** A cut that billing up to an instant makes in a line. */
export interface Cut {
  readonly lineId: string;
  readonly at: Instant;
  readonly billedPartId: string;
  readonly remainingPartId: string;
}

export interface DueParts {
  /** The parts that tile the line, in order, once the cut is made. */
  readonly parts: readonly Part[];
  /** Ids of those that are to be billed now. */
  readonly due: ReadonlySet<string>;
  readonly cut: Cut | null;
}

/**
 * What of a line is due as of an instant: in advance with the period's start, when its period has ended, or any
 * unclaimed stretch of it up to the instant, which cuts the part that holds it in two. A cut at the line's start or end,
 * or outside it, makes no empty part. What ends with the period waits for late usage until `collectedUntil`.
 */
export function duePartsOf(
  line: LineDefinition,
  recorded: readonly RecordedPart[],
  asOf: Instant,
  collectedUntil: Instant = line.period.end,
): DueParts | null {
  if (!isBefore(asOf, line.period.end) && isBefore(asOf, collectedUntil)) return null;
  const tiled = tiles(line, recorded);
  const claimed = new Set(tiled.flatMap(({ partId, invoiceId }) => (invoiceId === null ? [] : [partId])));
  const dueOf = (parts: readonly Part[], begunBy: Instant, cut: Cut | null): DueParts | null => {
    const due = parts.filter(({ partId, period }) => isBefore(period.start, begunBy) && !claimed.has(partId));
    return due.length === 0 ? null : { parts, due: new Set(due.map(({ partId }) => partId)), cut };
  };
  switch (billedHow(line)) {
    case 'in_advance':
      return isBefore(asOf, line.period.start) ? null : dueOf(tiled, line.period.end, null);
    case 'at_period_end':
      return isBefore(asOf, line.period.end) ? null : dueOf(tiled, line.period.end, null);
    case 'progressively': {
      const holder = tiled.find(
        ({ period, invoiceId }) => invoiceId === null && isBefore(period.start, asOf) && isBefore(asOf, period.end),
      );
      if (holder === undefined) return dueOf(tiled, asOf, null);
      const isWhole = recorded.length <= 1;
      const cut = {
        lineId: line.lineId,
        at: asOf,
        billedPartId: isWhole ? partIdOf(line.lineId, holder.period.start) : holder.partId,
        remainingPartId: partIdOf(line.lineId, asOf),
      };
      return dueOf(splitParts(line.lineId, tiled, cut), asOf, cut);
    }
  }
}

/**
 * A line and its parts, as shown to people: the cut line groups, its parts count. One level, whatever the number of cuts.
 * The part that holds the cut is divided: the last one, unless a voided invoice gave back an earlier one.
 */
export function splitParts(
  lineId: string,
  current: readonly { partId: string; period: Period }[],
  split: { at: Instant; billedPartId: string; remainingPartId: string },
): { partId: string; period: Period }[] {
  const index = current.findLastIndex(({ period }) => isBefore(period.start, split.at));
  const cut = current[index];
  if (cut === undefined) throw new Error(`line ${lineId} has no part to split at ${split.at}`);
  return [
    ...current.slice(0, index),
    { partId: split.billedPartId, period: { start: cut.period.start, end: split.at } },
    { partId: split.remainingPartId, period: { start: split.at, end: cut.period.end } },
    ...current.slice(index + 1),
  ];
}
