import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedOn } from '../../../../test/support/properties.js';
import { instant } from '../time/instant.js';
import { foldRates, type RateEvent, type RateSegment, setRate } from './rate.js';
import { withdrawRateEvents } from './rate-withdrawal.js';

const KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'fra1' };
const MONTHS = ['01', '02', '03', '04', '05', '06'] as const;
const T = (month: string) => instant(`2026-${month}-01T00:00:00Z`);

/** The prices are those of their months. */
const set = (segments: readonly RateSegment[], month: string): RateEvent[] =>
  setRate(segments, {
    ...KEY,
    ...{ unit: null, unitPrice: month.slice(1), currency: 'USD', basis: 'amount' },
    ...{ effectiveFrom: T(month), effectiveUntil: null },
  });

const history = (months: readonly string[]): RateEvent[] =>
  months.reduce<RateEvent[]>((events, month) => [...events, ...set(foldRates(events), month)], []);

const without = (events: readonly RateEvent[], never: readonly (RateEvent | undefined)[]): RateEvent[] =>
  withdrawRateEvents(
    KEY,
    events,
    { before: foldRates(events), never: new Set(never.filter((event) => event !== undefined)) },
    { reason: 'never was' },
  );

it('lets the price before a withdrawn one hold on, from where the withdrawn one began', () => {
  const events = history(['01', '04']);

  expect(without(events, [events[1]])).toMatchObject([
    { data: { changedFrom: T('04'), segments: [{ unitPrice: '1', effectiveFrom: T('01'), effectiveUntil: null }] } },
  ]);
});

it('leaves no price where the only one is withdrawn', () => {
  const events = history(['01']);

  expect(without(events, events)).toMatchObject([{ data: { changedFrom: T('01'), segments: [] } }]);
});

it('comes to what the key would be without them, whatever was set first and withdrawn first', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...MONTHS], { minLength: 1 }).chain((months) =>
        // A price before all others ends at the next one. Between two of them a price is a correction.
        fc.tuple(fc.constant(onlyAtTheEnds(months)), fc.infiniteStream(fc.boolean())),
      ),
      ([months, flags]) => {
        const events = history(months);
        const never = events.filter(() => flags.next().value === true);
        let all: RateEvent[] = [...events];
        for (const [index] of never.entries()) {
          const [corrected] = without(all, never.slice(0, index + 1));
          if (corrected !== undefined) all = [...all, corrected];
        }
        expect(foldRates(all)).toEqual(
          foldRates(history(months.filter((_, n) => !never.some((event) => event === events[n])))),
        );
      },
    ),
    checkedOn(200),
  );
});

/** Each month before or after all that come before it. */
const onlyAtTheEnds = (months: readonly string[]): string[] =>
  months.reduce<string[]>((kept, month) => {
    const isBetween = kept.some((each) => each < month) && kept.some((each) => each > month);
    return isBetween ? kept : [...kept, month];
  }, []);
