import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { type Leaf, LeafReader } from './leaf.js';

/**
 * In the order of a leaf's fields. recorded_at is as Postgres writes it: to_char would take longer than all the rest.
 */
const COLUMNS = 'position::text, stream, revision::text, event_id::text, type, data, metadata, recorded_at::text';

/** With COPY: several times faster than rows, and the bytes are hashed as they come. */
export async function* leavesOf(
  pool: pg.Pool,
  schema: string,
  range?: { readonly after: number; readonly upTo: number },
): AsyncIterable<Leaf[]> {
  const where =
    range === undefined ? '' : `where e.position > ${safe(range.after)} and e.position <= ${safe(range.upTo)}`;
  const client = await pool.connect();
  let whole = false;
  try {
    const rows = client.query(
      copyTo(`copy (select ${COLUMNS} from ${schema}.events e ${where} order by e.position) to stdout (format binary)`),
    );
    const reader = new LeafReader();
    for await (const chunk of rows) yield reader.read(chunk as Buffer);
    whole = true;
  } finally {
    // If it is abandoned halfway, the remaining rows would still arrive on this connection. So it is closed, not
    // pooled.
    client.release(!whole);
  }
}

/** COPY takes no parameters. */
function safe(position: number): number {
  if (!Number.isSafeInteger(position)) throw new RangeError(`${position} is not a log position`);
  return position;
}
