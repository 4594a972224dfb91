import type { StoredEvent } from '#event-store/port';
import type { LedgerCore } from '#ledger/ledger-core';

/** So many readings may wait for the projections: then a decision waits for them too. */
const MOST_UNPROJECTED = 20_000;

/** What was seen last of the log and of its projections. */
export class SeenState {
  private seenAt = -Infinity;
  private isHalted = false;
  private looking: Promise<void> | undefined;
  /** Readings of this process that were not projected yet. */
  private waiting: { readonly position: number; readonly readings: number }[] = [];
  private unprojected = 0;
  /** The last event that what is known in memory is based on. */
  private mark: Pick<StoredEvent, 'position' | 'id'> | undefined;

  /** `onSetBack`: the log does not have any more what it had. */
  constructor(
    private readonly core: LedgerCore,
    private readonly seenMs: number,
    private readonly onSetBack: () => void,
  ) {}

  /** The log has an event, with new readings of this process. */
  noteSeen({ position, id }: Pick<StoredEvent, 'position' | 'id'>, readings = 0): void {
    if (position > (this.mark?.position ?? 0)) this.mark = { position, id };
    this.noteAppended(position, readings);
  }

  noteAppended(position: number, readings: number): void {
    if (readings === 0) return;
    this.waiting.push({ position, readings });
    this.unprojected += readings;
  }

  /** Whether decisions may be made without the read models: they are not halted, and not far behind. */
  async isCurrent(): Promise<boolean> {
    if (performance.now() - this.seenAt >= this.seenMs || this.unprojected > MOST_UNPROJECTED) {
      this.looking ??= this.look().finally(() => {
        this.looking = undefined;
      });
      await this.looking;
    }
    return !this.isHalted && this.unprojected <= MOST_UNPROJECTED;
  }

  private async look(): Promise<void> {
    const { mark } = this;
    const [{ position, halt }, events] = await Promise.all([
      this.core.projector.projected(),
      Array.fromAsync(this.core.log.readAt(mark === undefined ? [] : [mark.position])),
    ]);
    if (mark !== undefined && events[0]?.id !== mark.id) {
      this.onSetBack();
      [this.mark, this.waiting] = [undefined, []];
    }
    this.isHalted = halt !== null;
    this.waiting = this.waiting.filter((each) => each.position > position);
    this.unprojected = this.waiting.reduce((sum, { readings }) => sum + readings, 0);
    this.seenAt = performance.now();
  }
}
