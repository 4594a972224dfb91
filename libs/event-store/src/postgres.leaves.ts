import type pg from 'pg';
import { errorOf } from '#domain/errors';
import { type CopyToStreamQuery, to as copyTo } from 'pg-copy-streams';
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
    const rows = `select ${COLUMNS} from ${schema}.events e ${where} order by e.position`;
    for await (const leaves of client.query(leavesOfRows(rows))) yield leaves as Leaf[];
    whole = true;
  } finally {
    // If it is abandoned halfway, the remaining rows would still arrive on this connection. So it is closed, not
    // pooled.
    client.release(!whole);
  }
}

/** What pg-copy-streams does with the bytes that arrive. Its result: whether more may come at once. */
interface Parsing {
  _parse(chunk: Buffer): boolean;
}

/**
 * A stream of leaves, many at a time. pg-copy-streams makes two buffers of each row and a copy of all rows: half of the
 * time of a verification went into them and into the collection of garbage. It still sees the end of the answer.
 */
function leavesOfRows(rows: string): CopyToStreamQuery {
  const stream = copyTo(`copy (${rows}) to stdout (format binary)`, { objectMode: true, highWaterMark: 1 });
  const parsing = stream as unknown as Parsing;
  const parse = parsing._parse.bind(stream);
  const reader = new LeafReader();
  parsing._parse = (chunk) => {
    try {
      const { leaves, end } = reader.read(chunk);
      const wantsMore = leaves.length === 0 || stream.push(leaves);
      return end === null ? wantsMore : parse(end);
    } catch (error) {
      // It is called by the socket, where nobody could catch it.
      stream.destroy(errorOf(error));
      return false;
    }
  };
  return stream;
}

/** COPY takes no parameters. */
function safe(position: number): number {
  if (!Number.isSafeInteger(position)) throw new RangeError(`${position} is not a log position`);
  return position;
}
