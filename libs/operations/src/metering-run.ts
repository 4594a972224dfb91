import type { Instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import type { Ledger } from './ledger.js';
import { daysToMeter } from './metering.js';

/** Meters the complete days until an instant that were never metered, or changed after they were metered, in order. */
export async function* meterDue(
  ledger: Ledger,
  caller: Caller,
  until: Instant,
): AsyncGenerator<{ readonly date: string; readonly count: number }> {
  await ledger.catchUp();
  const { items } = await ledger.ask(daysToMeter, { at: until }, caller);
  for (const { date } of items) yield await ledger.meter(date, caller);
}
