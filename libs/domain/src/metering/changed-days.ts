import type { ResourceTimeline } from '../inventory/resource.js';
import type { Instant } from '../time/instant.js';
import { dayOf } from '../time/period.js';
import { meterDay, type MeteredResource, type MeteringConfiguration } from './metering.js';

/** UTC dates from the first to the last, both included. */
export interface Dates {
  readonly first: string;
  readonly last: string;
}

/** What is known of one resource before and after an event. */
export interface Change extends Pick<MeteredResource, 'provider' | 'providerId'> {
  readonly before: ResourceTimeline;
  readonly after: ResourceTimeline;
}

/** The readings of a resource in a day, as text. Equal texts: metering the day records the same. */
function readingsText(
  date: string,
  { provider, providerId }: Change,
  timeline: ResourceTimeline,
  configurations: readonly MeteringConfiguration[],
): string {
  const day = dayOf(`${date}T00:00:00Z` as Instant);
  return JSON.stringify(meterDay(day, [{ provider, providerId, timeline }], configurations).readings);
}

/**
 * The first and the last of these days whose readings a change of a resource's timeline changes. null: it changes none.
 * `dates`: in order.
 */
export function changedDays(
  dates: readonly string[],
  change: Change,
  configurations: readonly MeteringConfiguration[],
): Dates | null {
  const isChanged = (date: string): boolean =>
    readingsText(date, change, change.before, configurations) !==
    readingsText(date, change, change.after, configurations);
  const first = dates.find(isChanged);
  return first === undefined ? null : { first, last: dates.findLast(isChanged) ?? first };
}

/** The dates from the first to the last of both. */
export const spanning = (a: Dates | null, b: Dates | null): Dates | null =>
  a === null || b === null
    ? (a ?? b)
    : { first: a.first < b.first ? a.first : b.first, last: a.last > b.last ? a.last : b.last };
