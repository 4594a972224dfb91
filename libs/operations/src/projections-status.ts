import { type Instant, micros } from '#domain/time/instant';
import { type Checkpoint, versionsOf } from '#read-model/schema';
import type { LedgerCore } from '#ledger/ledger-core';

const MICROS_PER_SECOND = 1_000_000n;

/**
 * Where the read models are, of the events up to `head`; what is being built beside them, and what is kept of the ones before. `lag` is in events; `lagSeconds` is
 * how long ago the oldest event that is not projected was recorded; `eventsPerSecond` is of the last batch. `state`: `rebuilding` where
 * the read models are those of other versions than this process has, so that it answers nothing until its own are built.
 */
export async function projectionsStatus(core: LedgerCore, now: Instant, head: number) {
  const { live, shadow, previous } = await core.rebuilder.status();
  const position = Math.min(live?.position ?? 0, head);
  const shared = {
    position,
    head,
    lag: head - position,
    lagSeconds: position < head ? await secondsSince(core, position + 1, now) : 0,
    eventsPerSecond: live?.eventsPerSecond ?? null,
  };
  const halted = live?.halted ?? null;
  const isOurs = live === null || live.versions === versionsOf(core.projector.list());
  return {
    items: core.projector.list().map(({ name, version }) => ({ name, version, ...shared })),
    nextCursor: null,
    state: isOurs ? (halted === null ? 'current' : 'halted') : 'rebuilding',
    halted,
    rebuild: shadow === null ? null : beside(shadow, { position, head }),
    kept: previous === null ? null : beside(previous, { position, head }),
  };
}

const beside = (
  { only, position, eventsPerSecond }: Checkpoint,
  live: { readonly position: number; readonly head: number },
) => ({
  projections: only ?? 'all',
  position: Math.min(position, live.head),
  lag: Math.max(0, live.position - position),
  eventsPerSecond,
});

/** In whole seconds. A clock that went back makes it no less than 0. */
async function secondsSince({ log }: LedgerCore, position: number, now: Instant): Promise<number> {
  for await (const { recordedAt } of log.readAt([position]))
    return Math.max(0, Number((micros(now) - micros(recordedAt)) / MICROS_PER_SECOND));
  return 0;
}
