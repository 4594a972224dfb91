import type pg from 'pg';
import type { EventLog, Stamp, StoredEvent } from '#event-store/port';
import { assertSameLog } from './same-log.js';
import { checkpointOf } from './schema.js';

export async function generationOf(client: pg.ClientBase, schema: string): Promise<string> {
  const generation = (await checkpointOf(client, schema))?.generation ?? null;
  if (generation === null) throw new Error(`${schema} has no complete checkpoint`);
  return generation;
}

/**
 * Whether the log still has the event that the read models of a schema are up to. A restore may put other events
 * there while a process runs. Its next batch would move the checkpoint to an event of the new log, with the rows of the
 * old one below it, and nobody could notice that later.
 */
export class Continuity {
  /** As this process found or projected it last. The hash of the checkpoint takes reading the whole event. */
  private last: { readonly position: number; readonly generation: string; readonly stamp: Stamp } | undefined;

  constructor(
    private readonly log: EventLog,
    private readonly schema: string,
  ) {}

  projected({ position, id, recordedAt }: StoredEvent, generation: string): void {
    this.last = { position, generation, stamp: { id, recordedAt } };
  }

  /**
   * `there`: what the log had at a position after the batch that follows it was read. `client` holds the checkpoint
   * there. Errors: OtherLog.
   */
  async assert(client: pg.ClientBase, position: number, generation: string, there: Stamp | undefined): Promise<void> {
    const { last } = this;
    const isKnown = last?.position === position && last.generation === generation;
    if (position === 0 || (isKnown && last.stamp.id === there?.id && last.stamp.recordedAt === there.recordedAt))
      return;
    const checkpoint = await checkpointOf(client, this.schema);
    if (checkpoint !== undefined) await assertSameLog(this.log, this.schema, checkpoint);
    this.last = there && { position, generation, stamp: there };
  }
}
