import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { type EventLog, NO_STREAM, type StoredEvent } from '#event-store/port';
import { ifReadable } from './readable.js';

/**
 * The positions of the events that operators decided to skip. No read model applies them, even if it could by now. An
 * event in their stream that can't be read is no such decision; it is itself skipped by one.
 */
export async function skippedPositions(log: EventLog): Promise<ReadonlySet<number>> {
  return new Set((await skipsIn(log)).map(({ position }) => position));
}

async function skipsIn(log: EventLog): Promise<{ readonly position: number; readonly eventId: string }[]> {
  const events = await Array.fromAsync(log.read(PROJECTIONS_STREAM), (stored) => ifReadable(stored));
  return events.flatMap((event) => (event?.type === 'EventSkipped' ? [event.data] : []));
}

/**
 * The decisions to skip, as a process has read them: by position and id, as another event may be at a position since,
 * and events of other applications may have one id.
 */
export class KnownSkips {
  private events: ReadonlySet<string> | undefined;
  private revision = NO_STREAM;

  constructor(private readonly log: EventLog) {}

  has({ position, id }: Pick<StoredEvent, 'position' | 'id'>): boolean {
    return this.events?.has(`${position} ${id}`) === true;
  }

  async read(): Promise<void> {
    // First the revision: after a decision meanwhile, these are not current.
    const revision = await this.log.revisionOf(PROJECTIONS_STREAM);
    this.events = new Set((await skipsIn(this.log)).map(({ position, eventId }) => `${position} ${eventId}`));
    this.revision = revision;
  }

  async readOnce(): Promise<void> {
    if (this.events === undefined) await this.read();
  }

  /** Whether there was no decision since. */
  async areCurrent(): Promise<boolean> {
    return (await this.log.revisionOf(PROJECTIONS_STREAM)) === this.revision;
  }
}
