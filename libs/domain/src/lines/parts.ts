import { compareInstants, earlier, type Instant, isBefore } from '../time/instant.js';
import type { Period } from '../time/period.js';
import { billedHow, type LineDefinition, partIdOf } from './line.js';
import type { Part } from './rate.js';

/** A part as recorded in its line's stream, with the live invoice that claims it. */
export interface RecordedPart {
  readonly partId: string;
  readonly start: Instant;
  readonly invoiceId: string | null;
  /** Whether that invoice is issued. The claim of a draft books nothing. */
  readonly issued: boolean;
  /** Where the part ends as that invoice claims it; null: no live invoice claims it. */
  readonly claimedUntil: Instant | null;
  /** The instant that this invoice is as of; null: none claims it. */
  readonly claimedAsOf: Instant | null;
}

/** The claim of a part that no live invoice claims. */
export const UNCLAIMED = { invoiceId: null, issued: false, claimedUntil: null, claimedAsOf: null } as const;

export interface TiledPart extends Part {
  readonly invoiceId: string | null;
  readonly issued: boolean;
}

/**
 * The parts that tile a line: the recorded cuts, applied to the line's period as it is known now. If the line ended
 * early, its parts are shorter, and a part that began after the end is gone. If the line continues after a part that
 * was claimed as its last, an open part follows. What was claimed before it falls due, as is known now, is open.
 */
export function tiles(line: LineDefinition, recorded: readonly RecordedPart[]): TiledPart[] {
  if (recorded.length === 0) return [{ partId: line.lineId, period: line.period, invoiceId: null, issued: false }];
  const inOrder = [...recorded].sort((a, b) => compareInstants(a.start, b.start));
  return inOrder.flatMap(({ partId, start, invoiceId, issued, claimedUntil, claimedAsOf }, index): TiledPart[] => {
    const end = earlier(inOrder[index + 1]?.start ?? line.period.end, line.period.end);
    if (!isBefore(start, end)) return [];
    const billedUntil = claimedUntil === null || claimedAsOf === null ? end : dueBy(line, claimedUntil, claimedAsOf);
    if (billedUntil === null || !isBefore(start, billedUntil))
      return [{ partId, period: { start, end }, invoiceId: null, issued: false }];
    if (!isBefore(billedUntil, end)) return [{ partId, period: { start, end }, invoiceId, issued }];
    return [
      { partId, period: { start, end: billedUntil }, invoiceId, issued },
      {
        partId: partIdOf(line.lineId, billedUntil),
        period: { start: billedUntil, end },
        invoiceId: null,
        issued: false,
      },
    ];
  });
}

/**
 * Up to where an invoice as of an instant bills a part that it claims; null: it bills nothing of it. A fee that was
 * billed in advance may turn out to be due later (the price of usage, a fee in arrears), and a line to end later.
 */
export function dueBy(line: LineDefinition, claimedUntil: Instant, asOf: Instant): Instant | null {
  switch (billedHow(line)) {
    case 'in_advance':
      return claimedUntil;
    case 'at_period_end':
      return isBefore(asOf, line.period.end) ? null : claimedUntil;
    case 'progressively':
      return earlier(claimedUntil, asOf);
  }
}

/** The cut that billing up to an instant makes in a line. */
export interface Cut {
  readonly lineId: string;
  readonly at: Instant;
  readonly billedPartId: string;
  readonly remainingPartId: string;
}

export interface DueParts {
  /** The parts that tile the line after the cut, in order. */
  readonly parts: readonly Part[];
  /** The ids of the parts to bill now. */
  readonly due: ReadonlySet<string>;
  readonly cut: Cut | null;
}

/**
 * The parts of a line that are due as of an instant: in advance when the period starts, at the period's end, or all
 * that is not claimed yet up to the instant, which cuts the part that holds it. A cut at the line's start or end, or
 * outside it, makes no empty part. An amount due at the period's end waits for late usage until `collectedUntil`.
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
      const cut = {
        lineId: line.lineId,
        at: asOf,
        billedPartId: billedPartOf(line.lineId, holder),
        remainingPartId: partIdOf(line.lineId, asOf),
      };
      return dueOf(splitParts(line.lineId, tiled, cut), asOf, cut);
    }
  }
}

/** The earlier piece of a cut part keeps its id. The line's own id groups the parts. */
const billedPartOf = (lineId: string, { partId, period }: Part): string =>
  partId === lineId ? partIdOf(lineId, period.start) : partId;

/**
 * The cuts of a line that claimed parts need and that are not recorded yet, in order of time: where a part ends within
 * the line, and where it follows a part that was claimed as the last one. That part keeps its id, also where it is the
 * line's own.
 */
export function cutsOfClaim(
  line: LineDefinition,
  recorded: readonly RecordedPart[],
  claimed: readonly { readonly partId: string; readonly period: Period }[],
): Cut[] {
  const known = new Set(recorded.map(({ start }) => start));
  const before = tiles(line, recorded);
  const cutOf = (billedPartId: string, at: Instant): Cut => ({
    lineId: line.lineId,
    at,
    billedPartId,
    remainingPartId: partIdOf(line.lineId, at),
  });
  const cuts = claimed.flatMap(({ partId, period }): Cut[] => {
    const previous = before.find(({ period: { end } }) => end === period.start);
    const endsWithin = partId !== line.lineId && isBefore(period.end, line.period.end);
    return [
      ...(previous === undefined ? [] : [cutOf(previous.partId, period.start)]),
      ...(endsWithin ? [cutOf(partId, period.end)] : []),
    ];
  });
  return [...new Map(cuts.filter(({ at }) => !known.has(at)).map((cut) => [cut.at, cut])).values()].sort((a, b) =>
    compareInstants(a.at, b.at),
  );
}

/**
 * A line and its parts as people see them: the cut line groups them, and only the parts count. There is one level,
 * whatever the number of cuts. The cut divides the part that holds it: the last one, unless a voided invoice gave back
 * an earlier one.
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
