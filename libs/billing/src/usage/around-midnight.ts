import { plusHours } from '#domain/time/instant';
import { usageMonth, usageStream } from '#domain/usage/usage';
import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';

/** Longer than a copy from EventStoreDB can be late while others are written. */
const HOURS = 1;

/**
 * An event without a time has that of its arrival. Sent again at the other side of a month's end, it is of another
 * stream, whose revision does not refuse a decision that does not know the first one. If the first append was never
 * answered, the mirror may lack it still. So the stream of the other month is copied first. In Postgres, what is
 * recorded is read at once.
 */
export async function copyOtherMonth({ mirror }: LedgerCore, deploymentId: string, { now }: Caller): Promise<void> {
  if (mirror === null) return;
  for (const month of [plusHours(now, -HOURS), plusHours(now, HOURS)].map(usageMonth))
    if (month !== usageMonth(now)) await mirror.copied(usageStream(deploymentId, month));
}
