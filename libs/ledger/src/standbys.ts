import { setTimeout as delay } from 'node:timers/promises';
import { isCancelled, isGone, isNotNow, isNotWritable } from '#postgres/connection';
import { reason } from '#postgres/errors';
import { forAll } from '#postgres/stoppable';
import type { StandbyState } from '#projections/checkpoint.read';

/** How long a read waits for a standby that is a moment behind. Then the primary answers. */
const WAIT_MS = 100;
const LOOK_EVERY_MS = 5;
/** How long a standby is left out after it was behind or failed. Then it is asked again. */
const LEFT_OUT_MS = 1000;

/** A hot standby of the database (streaming replication), and what reads with it. */
export interface Standby<Reader> {
  /** Its place, without credentials. */
  readonly name: string;
  /** What it says of itself now. It does not wait for queries that run there. */
  readonly state: () => Promise<StandbyState>;
  readonly reader: Reader;
}

/**
 * Reads on standbys, in turns. A read names the position that it answers as of, and a standby answers only if it has
 * what was projected up to there: it gives the answer that the primary would give. So nobody ever reads backwards in
 * time. A standby that is behind, also behind an exchange of the read models, dead, promoted, or of another ledger
 * is left out, and taken in again once it has caught up.
 */
export class Standbys<Reader> {
  private turn = 0;
  /** Since when, by the clock of the process, and why. */
  private readonly leftOut = new Map<Standby<Reader>, { readonly since: number; readonly why: string }>();

  constructor(
    private readonly all: readonly Standby<Reader>[],
    private readonly primary: {
      readonly state: () => Promise<StandbyState>;
      /** The versions of the read models of this program. */
      readonly versions: string;
    },
    /** Receives why a standby is left out, once for each reason, and that it is taken in again. */
    private readonly report: (message: string) => void,
  ) {}

  /**
   * Does work on a standby that has this position, or else with `onPrimary`. The work reads only, or is refused on a
   * standby before it has done anything.
   */
  async read<Result>(position: number, onPrimary: Reader, work: (reader: Reader) => Promise<Result>): Promise<Result> {
    const standby = await this.having(position);
    if (standby === undefined) return work(onPrimary);
    try {
      return await work(standby.reader);
    } catch (error) {
      // What was cancelled or took too long is not begun again.
      if ((!isNotNow(error) && !isGone(error)) || isCancelled(error)) throw error;
      if (!isNotWritable(error)) this.leaveOut(standby, reason(error));
      return work(onPrimary);
    }
  }

  private async having(position: number): Promise<Standby<Reader> | undefined> {
    const deadline = performance.now() + WAIT_MS;
    this.turn += 1;
    for (let n = 0; n < this.all.length && performance.now() < deadline; n += 1) {
      const standby = this.all[(this.turn + n) % this.all.length];
      if (standby === undefined) continue;
      const known = this.leftOut.get(standby);
      if (known !== undefined) {
        if (performance.now() - known.since < LEFT_OUT_MS) continue;
        // One read tries it again. The others do not wait for it.
        this.leftOut.set(standby, { ...known, since: performance.now() });
      }
      const why = await this.whyNot(standby, position, deadline);
      if (why === null) {
        if (this.leftOut.delete(standby)) this.report(`The standby ${standby.name} answers reads again.`);
        return standby;
      }
      this.leaveOut(standby, why);
    }
    return undefined;
  }

  /** Why a standby can't answer as of a position. null: it can. */
  private async whyNot(
    { state: stateOf }: Standby<Reader>,
    position: number,
    deadline: number,
  ): Promise<string | null> {
    const over = delay(Math.max(0, deadline - performance.now()), 'over' as const, { ref: false });
    for (;;) {
      // The answer is for other reads too: it does not end with the request that asked.
      const asked = forAll(async () => stateOf().catch((error: unknown) => reason(error)));
      const state = await Promise.race([asked, over]);
      if (state === 'over') return `it did not have position ${position} within ${WAIT_MS} ms`;
      if (typeof state === 'string') return state;
      const why = await this.whyForeign(state);
      if (why !== null) return why;
      if (state.position >= position) return null;
      if ((await Promise.race([delay(LOOK_EVERY_MS), over])) === 'over')
        return `it did not have position ${position} within ${WAIT_MS} ms`;
    }
  }

  private async whyForeign(state: StandbyState): Promise<string | null> {
    if (!state.isStandby) return 'it is no standby (any more): it takes writes of its own';
    if (state.versions !== this.primary.versions) return 'it has the read models of another version';
    // Like the standby's, it is of now, not of another read: the read models may have been exchanged in between.
    const { log, generation } = await forAll(this.primary.state);
    if (log !== null && state.log !== null && log !== state.log) return 'it has the read models of another log';
    return state.generation === generation ? null : 'it has the read models from before a rebuild or a rollback';
  }

  private leaveOut(standby: Standby<Reader>, why: string): void {
    const known = this.leftOut.get(standby);
    this.leftOut.set(standby, { since: performance.now(), why });
    // Another position is no other reason.
    if (known?.why.replace(/\d+/g, '') !== why.replace(/\d+/g, ''))
      this.report(
        `The standby ${standby.name} is left out: ${why}. The primary answers. It is tried again every second.`,
      );
  }
}
