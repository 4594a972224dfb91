import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { type EventLog, NO_STREAM } from '#event-store/port';
import { ifReadable } from './readable.js';

/**
 * The positions of the events that operators decided to skip. No read model applies them, even if it could by now. An
 * event in their stream that can't be read is no such decision; it is itself skipped by one.
 */
export async function skippedPositions(log: EventLog): Promise<ReadonlySet<number>> {
  const positions = new Set<number>();
  for await (const stored of log.read(PROJECTIONS_STREAM)) {
    const event = ifReadable(stored);
    if (event?.type === 'EventSkipped') positions.add(event.data.position);
  }
  return positions;
}

/** The decisions to skip, as a process has read them. */
export class KnownSkips {
  private positions: ReadonlySet<number> | undefined;
  private revision = NO_STREAM;

  constructor(private readonly log: EventLog) {}

  has(position: number): boolean {
    return this.positions?.has(position) === true;
  }

  async read(): Promise<void> {
    // First the revision: after a decision meanwhile, these are not current.
    const revision = await this.log.revisionOf(PROJECTIONS_STREAM);
    this.positions = await skippedPositions(this.log);
    this.revision = revision;
  }

  async readOnce(): Promise<void> {
    if (this.positions === undefined) await this.read();
  }

  /** Whether there was no decision since. */
  async areCurrent(): Promise<boolean> {
    return (await this.log.revisionOf(PROJECTIONS_STREAM)) === this.revision;
  }
}
