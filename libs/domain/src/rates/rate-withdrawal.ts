import type { Correction } from '../correction.js';
import { type Fact, firstDifference } from '../time/dated.js';
import type { Instant } from '../time/instant.js';
import type { RateKey } from '../usage/usage.js';
import { applyRateEvent, changes, nextChange, rateAt, type RateEvent, type RateSegment } from './rate.js';

/** Withdraws events of a key: its prices are then those that it would have had without them. */
export function withdrawRateEvents(
  { resourceType, resourceFamily, location }: RateKey,
  events: readonly RateEvent[],
  { before, never }: { readonly before: readonly RateSegment[]; readonly never: ReadonlySet<RateEvent> },
  correction: Correction,
): RateEvent[] {
  const segments = ratesWithout(events, never);
  const changedFrom = firstDifference(factsOf(before), factsOf(segments));
  return [
    {
      type: 'RateKeyCorrected',
      data: { resourceType, resourceFamily, location, segments, changedFrom, ...correction },
    },
  ];
}

/** The prices of a key without some of its events. What earlier withdrawals came to is computed again. */
function ratesWithout(events: readonly RateEvent[], never: ReadonlySet<RateEvent>): RateSegment[] {
  let segments: RateSegment[] = [];
  const withdrawn = new Set<Instant>();
  for (const event of events) {
    if (event.type === 'RateKeyCorrected') continue;
    if (!never.has(event)) segments = applyRateEvent(segments, endedRight(event, segments, withdrawn));
    else if ('from' in event.data) withdrawn.add(event.data.from);
    else for (const at of [event.data.effectiveFrom, event.data.effectiveUntil]) if (at !== null) withdrawn.add(at);
  }
  return segments;
}

/** An event without an end was given that of the next price. If that price never was, its end is the one after. */
function endedRight<Event extends RateEvent>(
  event: Event,
  segments: readonly RateSegment[],
  withdrawn: ReadonlySet<Instant>,
): Event {
  if (!('effectiveUntil' in event.data)) return event;
  const { effectiveFrom, effectiveUntil: until } = event.data;
  if (until === null || !withdrawn.has(until) || changes(segments).includes(until)) return event;
  return { ...event, data: { ...event.data, effectiveUntil: nextChange(segments, effectiveFrom) } };
}

/** What amounts depend on: the price from each instant at which it changes. */
const factsOf = (segments: readonly RateSegment[]): Fact[] =>
  changes(segments).map((from) => {
    const { unitPrice, unit, currency, basis } = rateAt(segments, from) ?? {};
    return { text: JSON.stringify([from, unitPrice, unit, currency, basis]), from };
  });
