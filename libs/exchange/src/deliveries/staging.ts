import type pg from 'pg';
import { COPY_NULL, CopyLines, copyText, type CopyTarget } from '#read-model/copy';
import { keyDigest, numberedKey } from './charge-key.js';
import { type Content, CONTENT_TABLE, StagedContent } from './staged-content.js';

/** A row of the files, as it is compared. */
export interface StagedRow extends Content {
  /** The number of its delivery in the import, from 0. */
  readonly delivery: number;
  /** Names the charge without measuring it. Equal keys are separate charges, unless the key is the source's own id. */
  readonly key: string;
  readonly isOwnId: boolean;
  /** Of the line's content, without its key and its details. */
  readonly digest: string;
  /** Of its resource, kind, period and amount. */
  readonly likeness: string;
  /** Of its details. null: it has none. */
  readonly details: string | null;
}

/** A line that is recorded, as it is compared. */
export interface RecordedLine {
  readonly delivery: number;
  readonly invoiceRef: string;
  readonly lineKey: string;
  readonly digest: string;
  readonly likeness: string;
  /** Whether the files may have it. A further part of a delivery leaves what is there. */
  readonly isCompared: boolean;
  readonly details: string | null;
}

/** What the rows of a delivery come to, against what is recorded of it. */
export interface Compared {
  readonly delivery: number;
  /** Lines that are recorded, and compared. */
  readonly recorded: number;
  /** Of these, lines that the files have with the same content. */
  readonly same: number;
  /** Of these, lines that the files have with other content. */
  readonly changed: number;
  /** Rows that are not recorded. */
  readonly added: number;
  /** Rows that are recorded with the same content and other details. */
  readonly restated: number;
  /** Recorded lines of the same resource, kind, period and amount as a row. */
  readonly alike: number;
  /** Whether all its rows have ids of their own. */
  readonly hasOnlyOwnIds: boolean;
}

export type RowOutcome = 'accepted' | 'duplicate' | 'correction' | 'conflict';

/** A recorded line that the files do not have. */
export interface GoneLine {
  readonly delivery: number;
  readonly invoiceRef: string;
  readonly lineKey: string;
}

/** Two files of a delivery: how many rows of the first are in the other too. Of many rows, some are counted. */
export interface Repeated {
  readonly delivery: number;
  readonly file: number;
  readonly other: number;
  readonly common: number;
  readonly rows: number;
}

/** A row whose line is to be written. */
export interface RowToWrite {
  readonly delivery: number;
  readonly n: number;
  readonly file: number;
  readonly row: number;
  readonly invoiceRef: string;
  readonly lineKey: string;
  readonly line: string;
  readonly outcome: 'accepted' | 'correction' | 'restated';
}

/** The same, as it is decided. */
interface WrittenRow extends Pick<RowToWrite, 'n' | 'delivery' | 'outcome'> {
  /** How many lines of its bill have its key, with it. null: it is a recorded line. */
  readonly number: number | null;
  readonly recordedRef: string | null;
  readonly recordedKey: string | null;
}

const TABLES = `
  SET client_min_messages = warning;
  SET work_mem = '64MB';
  SET temp_buffers = '32MB';
  CREATE TEMP TABLE delivered (
    n int NOT NULL, file int NOT NULL, row int NOT NULL, delivery int NOT NULL, key uuid NOT NULL,
    is_own_id boolean NOT NULL, digest uuid NOT NULL, likeness uuid NOT NULL, details uuid);
  CREATE TEMP TABLE recorded (
    id int NOT NULL, delivery int NOT NULL, invoice_ref text COLLATE "C" NOT NULL, line_key text COLLATE "C" NOT NULL,
    own_key uuid NOT NULL, key uuid NOT NULL, number int NOT NULL DEFAULT 1, numbered_key uuid, numbered int,
    digest uuid NOT NULL, likeness uuid NOT NULL, details uuid, is_compared boolean NOT NULL);
  CREATE TEMP TABLE decided (
    n int NOT NULL, delivery int NOT NULL, outcome text NOT NULL, number int, recorded int,
    is_restated boolean NOT NULL DEFAULT false, first_row int);
  ${CONTENT_TABLE}`;

const DELIVERED: CopyTarget = {
  table: 'delivered',
  columns: ['n', 'file', 'row', 'delivery', 'key', 'is_own_id', 'digest', 'likeness', 'details'],
};
const RECORDED: CopyTarget = {
  table: 'recorded',
  columns: [
    ...['id', 'delivery', 'invoice_ref', 'line_key', 'own_key', 'key', 'numbered_key', 'numbered'],
    ...['digest', 'likeness', 'details', 'is_compared'],
  ],
};

const ROWS_TO_COMPARE = 50_000;
/** Fewer rows may be equal by chance. */
const ROWS_OF_A_RUN = 20;
const PERCENT_OF_A_RUN = 90;

/** Rows that have no outcome yet. */
const UNDECIDED = 'delivered d WHERE NOT EXISTS (SELECT FROM decided x WHERE x.n = d.n)';
const IS_WRITTEN = "outcome IN ('accepted', 'correction') OR is_restated";

/**
 * The rows of an import's files beside the lines that are recorded of the same deliveries, in temporary tables of
 * Postgres: a delivery may have millions of rows. Both sides are compared as multisets: equal content and keys first,
 * then equal content, then equal keys, occurrence by occurrence. Rows are compared by digests of 16 bytes and never
 * updated: content and keys are some two thousand bytes.
 */
export class Staging {
  private readonly content: StagedContent;
  private rows = 0;
  private lines = 0;

  private constructor(private readonly pool: pg.Pool) {
    this.content = new StagedContent(pool);
  }

  /** `pool`: of one connection, which ends with `close`. */
  static async open(pool: pg.Pool): Promise<Staging> {
    await pool.query(TABLES);
    return new Staging(pool);
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  async addRows(rows: readonly StagedRow[]): Promise<void> {
    const lines = new CopyLines();
    for (const each of rows) {
      const { file, row, delivery, invoiceRef, key, isOwnId, digest, likeness, details } = each;
      this.rows += 1;
      lines.add(
        DELIVERED,
        `${this.rows}\t${file}\t${row}\t${delivery}\t${keyDigest(invoiceRef, key)}\t${isOwnId}\t` +
          `${digest}\t${likeness}\t${details ?? COPY_NULL}`,
      );
      if (this.content.add(each)) await this.content.write();
    }
    await this.copy(lines);
  }

  async addRecorded(recorded: readonly RecordedLine[]): Promise<void> {
    const lines = new CopyLines();
    for (const { delivery, invoiceRef, lineKey, digest, likeness, isCompared, details } of recorded) {
      this.lines += 1;
      const key = keyDigest(invoiceRef, lineKey);
      const further = numberedKey(lineKey);
      const numbered = further === null ? COPY_NULL : keyDigest(invoiceRef, further.charge);
      lines.add(
        RECORDED,
        `${this.lines}\t${delivery}\t${copyText(invoiceRef)}\t${copyText(lineKey)}\t${key}\t${key}\t${numbered}\t` +
          `${further?.number ?? COPY_NULL}\t${digest}\t${likeness}\t${details ?? COPY_NULL}\t${isCompared}`,
      );
    }
    await this.copy(lines);
  }

  private async copy(lines: CopyLines): Promise<void> {
    const client = await this.pool.connect();
    try {
      await lines.copy(client);
    } finally {
      client.release();
    }
  }

  /** Rows of files that their delivery has already. */
  async alreadyHas(known: readonly { readonly delivery: number; readonly file: number }[]): Promise<void> {
    if (known.length === 0) return;
    await this.pool.query(
      `INSERT INTO decided (n, delivery, outcome)
       SELECT n, delivery, 'duplicate' FROM delivered JOIN unnest($1::int[], $2::int[]) AS known (delivery, file)
         USING (delivery, file)`,
      [known.map(({ delivery }) => delivery), known.map(({ file }) => file)],
    );
  }

  /**
   * Pairs of files that have most rows of the smaller one in common. Of many rows, those of some keys are compared:
   * these are as random as their digests.
   */
  async repeated(): Promise<Repeated[]> {
    const share = Math.min(1, ROWS_TO_COMPARE / Math.max(1, this.rows));
    const before = Math.floor(share * 0xffff_ffff).toString(16);
    const { rows } = await this.pool.query<Repeated>(
      `WITH sampled AS (
         SELECT delivery, file, key, digest, count(*) AS times FROM delivered
         WHERE key <= $1::uuid AND NOT is_own_id
           AND delivery IN (SELECT delivery FROM delivered GROUP BY delivery HAVING min(file) < max(file))
         GROUP BY delivery, file, key, digest),
       sizes AS (SELECT delivery, file, sum(times)::int AS rows FROM sampled GROUP BY delivery, file)
       SELECT delivery, smaller.file, larger.file AS other, common, smaller.rows
       FROM (
         SELECT delivery, a.file AS one, b.file AS two, sum(least(a.times, b.times))::int AS common
         FROM sampled a JOIN sampled b USING (delivery, key, digest) WHERE a.file < b.file GROUP BY 1, 2, 3) pairs
       JOIN sizes smaller USING (delivery) JOIN sizes larger USING (delivery)
       WHERE (smaller.file, larger.file) IN ((one, two), (two, one))
         AND (smaller.rows, smaller.file) < (larger.rows, larger.file)
         AND smaller.rows >= $2 AND common * 100 >= smaller.rows * $3
       ORDER BY delivery, smaller.file, other LIMIT 1`,
      [`${before.padStart(8, '0')}-ffff-ffff-ffff-ffffffffffff`, ROWS_OF_A_RUN, PERCENT_OF_A_RUN],
    );
    return rows;
  }

  /** Gives each row its outcome, and notes the recorded line that it is. */
  async compare(): Promise<void> {
    await this.content.write();
    // All rows are compared at once. A planner that misjudges how many are left would look them up one by one.
    await this.pool.query('ANALYZE delivered; ANALYZE recorded; SET enable_nestloop = off');
    if (this.lines > 0)
      await this.pool.query(`
        UPDATE recorded r SET key = numbered_key, number = numbered
        WHERE numbered IS NOT NULL
          AND NOT EXISTS (SELECT FROM delivered d WHERE (d.delivery, d.key) = (r.delivery, r.own_key))`);
    await this.decideOwnIds();
    if (this.lines > 0) {
      await this.pair('digest, key', 'duplicate');
      await this.pair('digest', 'duplicate');
      await this.pair('key', 'correction');
    }
    await this.pool.query(`
      INSERT INTO decided (n, delivery, outcome, number)
      SELECT n, delivery, 'accepted', CASE WHEN is_own_id THEN 1 ELSE coalesce(taken.number, 0)
        + row_number() OVER (PARTITION BY delivery, key ORDER BY n) END
      FROM (SELECT d.* FROM ${UNDECIDED}) d
      LEFT JOIN (
        SELECT delivery, key, max(number) AS number FROM recorded GROUP BY delivery, key) taken USING (delivery, key)`);
    await this.pool.query(`
      CREATE TEMP TABLE gone AS SELECT id, delivery, invoice_ref, line_key FROM recorded
        WHERE is_compared AND NOT EXISTS (SELECT FROM decided x WHERE x.recorded = id);
      CREATE INDEX ON gone (delivery, id);
      CREATE INDEX ON recorded (id);
      CREATE INDEX ON decided (delivery, n) WHERE ${IS_WRITTEN};
      ANALYZE decided; ANALYZE gone;
      RESET enable_nestloop`);
  }

  /** Rows with ids of their own: the first of each id is the line that is recorded under it, if one is. */
  private async decideOwnIds(): Promise<void> {
    await this.pool.query(`
      INSERT INTO decided (n, delivery, outcome, first_row)
      SELECT n, delivery, CASE WHEN digest = first_digest THEN 'duplicate' ELSE 'conflict' END, first_row
      FROM (
        SELECT n, delivery, digest, first_value(digest) OVER same AS first_digest,
          first_value(row) OVER same AS first_row, row_number() OVER same AS k
        FROM (SELECT d.* FROM ${UNDECIDED} AND is_own_id) d WINDOW same AS (PARTITION BY delivery, key ORDER BY n)) d
      WHERE k > 1`);
    await this.pool.query(`
      INSERT INTO decided (n, delivery, outcome, recorded, is_restated)
      SELECT d.n, d.delivery, CASE WHEN d.digest = r.digest THEN 'duplicate' ELSE 'correction' END, r.id,
        coalesce(d.digest = r.digest AND d.details <> r.details, false)
      FROM (SELECT d.* FROM ${UNDECIDED} AND is_own_id) d
      JOIN recorded r ON (r.delivery, r.own_key) = (d.delivery, d.key)`);
  }

  /** The k-th row and the k-th recorded line that are equal in these columns belong together. */
  private async pair(columns: 'digest, key' | 'digest' | 'key', outcome: RowOutcome): Promise<void> {
    await this.pool.query(
      `WITH rows AS (
         SELECT n, delivery, details, ${columns},
           row_number() OVER (PARTITION BY delivery, ${columns} ORDER BY details, n) AS k
         FROM ${UNDECIDED} AND NOT is_own_id),
       lines AS (
         SELECT id, delivery, details, ${columns},
           row_number() OVER (PARTITION BY delivery, ${columns} ORDER BY details, number, id) AS k
         FROM recorded WHERE is_compared AND NOT EXISTS (SELECT FROM decided x WHERE x.recorded = id))
       INSERT INTO decided (n, delivery, outcome, recorded, is_restated)
       SELECT n, delivery, $1, id, coalesce($1 = 'duplicate' AND rows.details <> lines.details, false)
       FROM rows JOIN lines USING (delivery, ${columns}, k)`,
      [outcome],
    );
  }

  /** Of all deliveries that have rows or recorded lines. */
  async compared(): Promise<Compared[]> {
    const { rows } = await this.pool.query<Compared>(
      `SELECT delivery, coalesce(recorded, 0) AS recorded, coalesce(same, 0) AS same, coalesce(changed, 0) AS changed,
         coalesce(added, 0) AS added, coalesce(restated, 0) AS restated, coalesce(alike, 0) AS alike,
         coalesce("hasOnlyOwnIds", true) AS "hasOnlyOwnIds"
       FROM (
         SELECT d.delivery, count(*) FILTER (WHERE outcome = 'accepted')::int AS added,
           count(*) FILTER (WHERE outcome = 'duplicate' AND is_restated)::int AS restated,
           bool_and(is_own_id) AS "hasOnlyOwnIds"
         FROM delivered d JOIN decided USING (n) GROUP BY d.delivery) d
       FULL JOIN (
         SELECT r.delivery, count(*)::int AS recorded, count(*) FILTER (WHERE outcome = 'duplicate')::int AS same,
           count(*) FILTER (WHERE outcome = 'correction')::int AS changed, count(of_rows.likeness)::int AS alike
         FROM recorded r
         LEFT JOIN decided x ON x.recorded = r.id
         LEFT JOIN (SELECT DISTINCT delivery, likeness FROM delivered) of_rows
           ON (of_rows.delivery, of_rows.likeness) = (r.delivery, r.likeness)
         WHERE is_compared OR x.recorded IS NOT NULL GROUP BY r.delivery) r USING (delivery)`,
    );
    return rows;
  }

  /** The number of rows by file and outcome. */
  async outcomes(): Promise<{ readonly file: number; readonly outcome: RowOutcome; readonly rows: number }[]> {
    const { rows } = await this.pool.query<{ file: number; outcome: RowOutcome; rows: number }>(
      `SELECT file, outcome, count(*)::int AS rows FROM delivered JOIN decided USING (n)
       GROUP BY file, outcome ORDER BY file, outcome`,
    );
    return rows;
  }

  /** Rows whose own id another row has, with other content. */
  async conflicts(): Promise<
    { readonly file: number; readonly record: string; readonly key: string; readonly firstRow: number }[]
  > {
    const { rows } = await this.pool.query<{ n: number; firstRow: number }>(
      `SELECT n, first_row AS "firstRow" FROM decided WHERE outcome = 'conflict' ORDER BY n`,
    );
    return Array.fromAsync(this.withContent(rows), ([{ firstRow }, { file, record, key }]) => {
      if (record === null) throw new Error(`row ${key} has an id of its own and no record`);
      return { file, record, key, firstRow };
    });
  }

  private async *withContent<Row extends { readonly n: number }>(
    rows: readonly Row[],
  ): AsyncIterable<readonly [Row, Content]> {
    let index = 0;
    for await (const content of this.content.of(rows.map(({ n }) => n))) {
      const row = rows[index];
      if (row !== undefined) yield [row, content];
      index += 1;
    }
  }

  /** Of each of these deliveries, a page of the rows whose lines are to be written, in the order of the files. */
  async rowsToWrite(deliveries: readonly number[], after: number, limit: number): Promise<RowToWrite[]> {
    const { rows } = await this.pool.query<WrittenRow>(
      `SELECT page.n, page.delivery, outcome, page.number, r.invoice_ref AS "recordedRef", r.line_key AS "recordedKey"
       FROM unnest($1::int[]) AS of (number) CROSS JOIN LATERAL (
         SELECT n, delivery, CASE WHEN outcome = 'duplicate' THEN 'restated' ELSE outcome END AS outcome, number,
           recorded
         FROM decided WHERE delivery = of.number AND n > $2 AND (${IS_WRITTEN})
         ORDER BY n LIMIT $3) page
       LEFT JOIN recorded r ON r.id = page.recorded
       ORDER BY n`,
      [deliveries, after, limit],
    );
    return Array.fromAsync(this.withContent(rows), ([row, content]) => ({
      ...{ n: row.n, delivery: row.delivery, outcome: row.outcome },
      ...{ file: content.file, row: content.row, line: content.line },
      invoiceRef: row.recordedRef ?? content.invoiceRef,
      lineKey: row.recordedKey ?? (row.number === 1 ? content.key : `${content.key}#${row.number}`),
    }));
  }

  /** Recorded lines of these deliveries that the files do not have. */
  async gone(deliveries: readonly number[]): Promise<GoneLine[]> {
    const { rows } = await this.pool.query<GoneLine>(
      `SELECT delivery, invoice_ref AS "invoiceRef", line_key AS "lineKey" FROM gone
       WHERE delivery = ANY ($1::int[]) ORDER BY id`,
      [deliveries],
    );
    return rows;
  }
}
