import type { MeteringConfiguration } from './metering.js';
import { compareInstants, fromMicros, type Instant, micros } from '../time/instant.js';
import { contains, type Period } from '../time/period.js';

const DAY_MICROS = 86_400_000_000n;

/**
 * The instant until which the raw records of a kind's month are kept: the month's end plus the longest retention in
 * force within it. null: they are kept permanently, as part of the month has no configuration or no retention
 * (docs/domain.md, Retention).
 */
export function keptUntil(
  configurations: readonly MeteringConfiguration[],
  billingKind: string,
  month: Period,
): Instant | null {
  const ofKind = configurations.filter((each) => each.billingKind === billingKind);
  const first = ofKind
    .filter(({ from }) => compareInstants(from, month.start) <= 0)
    .sort((a, b) => compareInstants(a.from, b.from))
    .at(-1);
  const within = ofKind.filter(({ from }) => from !== month.start && contains(month, from));
  const retentions = [first, ...within].map((each) => each?.retentionDays ?? null);
  let longest = 0;
  for (const days of retentions) {
    if (days === null) return null;
    longest = Math.max(longest, days);
  }
  return fromMicros(micros(month.end) + BigInt(longest) * DAY_MICROS);
}
