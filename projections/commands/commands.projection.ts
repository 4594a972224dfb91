import type { RecordedEvent } from '#domain/events';
import { projection } from '../flow.js';
import { commandKeys } from './commands.table.js';

/**
 * Any event may carry the key of its command. The first event with a key makes the key known. The key of a command that
 * is withdrawn is free again.
 */
export const commandsProjection = projection('commands', {
  version: 3,
  tables: [commandKeys],
  async project(batch, client) {
    const firsts = new Map<string, { command: string; bodyHash: string; result: string | null; position: number }>();
    const freed = new Set<string>();
    for (const event of batch) {
      const withdrawn = withdrawnBy(event);
      if (withdrawn !== undefined) {
        firsts.delete(withdrawn);
        freed.add(withdrawn);
      }
      const { position } = event;
      const { command } = event.metadata;
      if (command === undefined) continue;
      const { name, key, bodyHash, idempotencyKey } = command;
      const result = command.result === undefined ? null : JSON.stringify(command.result);
      const keys = idempotencyKey === undefined ? [key] : [key, `idempotency:${idempotencyKey}`];
      for (const each of keys) if (!firsts.has(each)) firsts.set(each, { command: name, bodyHash, result, position });
    }
    if (freed.size > 0) await client.query('DELETE FROM command_keys WHERE key = ANY($1::text[])', [[...freed]]);
    if (firsts.size === 0) return;
    const known = [...firsts.values()];
    await client.query(
      'INSERT INTO command_keys (key, command, body_hash, result, position_from)' +
        ' SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::bigint[]) ON CONFLICT DO NOTHING',
      [
        [...firsts.keys()],
        known.map(({ command }) => command),
        known.map(({ bodyHash }) => bodyHash),
        known.map(({ result }) => result),
        known.map(({ position }) => position),
      ],
    );
  },
});

/** Costs withdraw no command, and their data is large: it is not looked at, as `decodeOwn` would parse it then. */
const withdrawnBy = (event: RecordedEvent): string | undefined =>
  event.type !== 'CostRecorded' && 'withdrawn' in event.data ? event.data.withdrawn : undefined;
