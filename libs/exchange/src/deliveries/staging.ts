import type pg from 'pg';
import { COPY_NULL, CopyLines, copyText, type CopyTarget } from '#read-model/copy';

/** A row of the files, as it is compared. */
export interface StagedRow {
  /** The number of its file in the import, from 0. */
  readonly file: number;
  readonly row: number;
  /** The number of its delivery in the import, from 0. */
  readonly delivery: number;
  readonly invoiceRef: string;
  /** Names the charge without measuring it. Equal keys are separate charges, unless the key is the source's own id. */
  readonly key: string;
  readonly isOwnId: boolean;
  /** Of the line's content, without its key and its details. */
  readonly digest: string;
  /** Of its resource, kind, period and amount. */
  readonly likeness: string;
  readonly hasInvoiceId: boolean;
  /** The line as JSON, without its key. */
  readonly line: string;
  /** The row as it was read, as JSON: kept for a row that may have to be rejected. */
  readonly record: string | null;
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
  /** Whether its details were kept when its invoice had no id yet. */
  readonly lacksInvoiceId: boolean;
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
  /** Rows that are recorded with the same content and without the id of their invoice, which the files have. */
  readonly invoiced: number;
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

/** A row whose line is to be written. */
export interface RowToWrite {
  readonly delivery: number;
  readonly n: number;
  readonly file: number;
  readonly row: number;
  readonly invoiceRef: string;
  readonly lineKey: string;
  readonly line: string;
  readonly outcome: 'accepted' | 'correction' | 'invoiced';
}

const TABLES = `
  SET client_min_messages = warning;
  SET work_mem = '64MB';
  CREATE TEMP TABLE delivered (
    n bigint NOT NULL, file int NOT NULL, row int NOT NULL, delivery int NOT NULL,
    invoice_ref text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, is_own_id boolean NOT NULL,
    digest uuid NOT NULL, likeness uuid NOT NULL, has_invoice_id boolean NOT NULL,
    is_invoiced boolean NOT NULL DEFAULT false, line_key text COLLATE "C", outcome text, first_row int);
  CREATE TEMP TABLE delivered_content (n bigint NOT NULL, line text NOT NULL, record text);
  CREATE TEMP TABLE recorded (
    id bigint NOT NULL, delivery int NOT NULL, invoice_ref text COLLATE "C" NOT NULL,
    line_key text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, number int NOT NULL DEFAULT 1,
    digest uuid NOT NULL, likeness uuid NOT NULL, lacks_invoice_id boolean NOT NULL, found text)`;

const DELIVERED: CopyTarget = {
  table: 'delivered',
  columns: [
    ...['n', 'file', 'row', 'delivery', 'invoice_ref', 'key', 'is_own_id', 'digest', 'likeness', 'has_invoice_id'],
  ],
};
const CONTENT: CopyTarget = { table: 'delivered_content', columns: ['n', 'line', 'record'] };
const RECORDED: CopyTarget = {
  table: 'recorded',
  columns: [...['id', 'delivery', 'invoice_ref', 'line_key', 'key', 'digest', 'likeness', 'lacks_invoice_id', 'found']],
};

/**
 * The rows of an import's files beside the lines that are recorded of the same deliveries, in temporary tables of
 * Postgres: a delivery may have millions of rows. Both sides are compared as multisets: equal content first, then equal
 * keys, occurrence by occurrence. The comparison writes each row once or twice, so what it does not need is kept beside
 * it, and indexes are made after it.
 */
export class Staging {
  private rows = 0;
  private lines = 0;

  private constructor(private readonly pool: pg.Pool) {}

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
    for (const { file, row, delivery, invoiceRef, key, isOwnId, digest, likeness, ...more } of rows) {
      this.rows += 1;
      lines.add(
        DELIVERED,
        `${this.rows}\t${file}\t${row}\t${delivery}\t${copyText(invoiceRef)}\t${copyText(key)}\t${isOwnId}\t` +
          `${digest}\t${likeness}\t${more.hasInvoiceId}`,
      );
      const record = more.record === null ? COPY_NULL : copyText(more.record);
      lines.add(CONTENT, `${this.rows}\t${copyText(more.line)}\t${record}`);
    }
    await this.copy(lines);
  }

  async addRecorded(recorded: readonly RecordedLine[]): Promise<void> {
    const lines = new CopyLines();
    for (const { delivery, invoiceRef, lineKey, digest, likeness, isCompared, lacksInvoiceId } of recorded) {
      this.lines += 1;
      const key = copyText(lineKey);
      lines.add(
        RECORDED,
        `${this.lines}\t${delivery}\t${copyText(invoiceRef)}\t${key}\t${key}\t${digest}\t${likeness}\t` +
          `${lacksInvoiceId}\t${isCompared ? COPY_NULL : 'kept'}`,
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
      `UPDATE delivered d SET outcome = 'duplicate' FROM unnest($1::int[], $2::int[]) AS known (delivery, file)
       WHERE (d.delivery, d.file) = (known.delivery, known.file)`,
      [known.map(({ delivery }) => delivery), known.map(({ file }) => file)],
    );
  }

  /** Gives each row its outcome, and marks the recorded lines that were found. */
  async compare(): Promise<void> {
    await this.pool.query('ANALYZE delivered; ANALYZE recorded');
    // A line's key is the key of its charge, with the number of a further occurrence: `key#2`.
    await this.pool.query(`
      UPDATE recorded r SET key = numbered.key, number = numbered.number
      FROM (
        SELECT id, m[1] AS key, m[2]::int AS number
        FROM recorded, regexp_match(line_key, '^(.*)#([0-9]{1,9})$') m WHERE m IS NOT NULL) numbered
      WHERE numbered.id = r.id
        AND NOT EXISTS (SELECT FROM delivered d WHERE d.delivery = r.delivery AND d.key = r.line_key)`);
    await this.pool.query(`
      UPDATE delivered d
      SET outcome = CASE WHEN d.digest = f.digest THEN 'duplicate' ELSE 'conflict' END, first_row = f.row
      FROM (
        SELECT n, row, delivery, invoice_ref, key, digest,
          row_number() OVER (PARTITION BY delivery, invoice_ref, key ORDER BY n) AS k
        FROM delivered WHERE is_own_id AND outcome IS NULL) f
      WHERE f.k = 1 AND d.is_own_id AND d.outcome IS NULL AND d.n <> f.n
        AND (d.delivery, d.invoice_ref, d.key) = (f.delivery, f.invoice_ref, f.key)`);
    await this.pool.query(`
      WITH same AS (
        SELECT d.n, r.id, d.digest = r.digest AS is_same, d.has_invoice_id AND r.lacks_invoice_id AS is_invoiced
        FROM delivered d JOIN recorded r ON (r.delivery, r.invoice_ref, r.line_key) = (d.delivery, d.invoice_ref, d.key)
        WHERE d.is_own_id AND d.outcome IS NULL),
      found AS (
        UPDATE recorded SET found = CASE WHEN is_same THEN 'same' ELSE 'changed' END
        FROM same WHERE recorded.id = same.id)
      UPDATE delivered SET outcome = CASE WHEN is_same THEN 'duplicate' ELSE 'correction' END, line_key = key,
        is_invoiced = is_same AND same.is_invoiced
      FROM same WHERE delivered.n = same.n`);
    if (this.lines > 0) {
      await this.pair('digest', 'same', 'duplicate');
      await this.pair('invoice_ref, key', 'changed', 'correction');
    }
    await this.pool.query(`
      UPDATE delivered d SET outcome = 'accepted',
        line_key = CASE WHEN a.is_own_id OR a.number = 1 THEN a.key ELSE a.key || '#' || a.number END
      FROM (
        SELECT n, key, is_own_id, coalesce(taken.number, 0)
          + row_number() OVER (PARTITION BY delivery, invoice_ref, key ORDER BY n) AS number
        FROM delivered
        LEFT JOIN (
          SELECT delivery, invoice_ref, key, max(number) AS number FROM recorded GROUP BY 1, 2, 3) taken
          USING (delivery, invoice_ref, key)
        WHERE outcome IS NULL) a
      WHERE a.n = d.n`);
    await this.pool.query(`
      CREATE INDEX ON delivered (delivery, n) WHERE outcome IN ('accepted', 'correction') OR is_invoiced;
      CREATE INDEX ON delivered_content (n);
      CREATE INDEX ON recorded (delivery, id) WHERE found IS NULL;
      ANALYZE delivered; ANALYZE delivered_content; ANALYZE recorded`);
  }

  /** The k-th row and the k-th recorded line of equal `columns` belong together. */
  private async pair(columns: string, found: string, outcome: RowOutcome): Promise<void> {
    await this.pool.query(
      `WITH rows AS (
         SELECT n, delivery, ${columns}, row_number() OVER (PARTITION BY delivery, ${columns} ORDER BY n) AS k
         FROM delivered WHERE outcome IS NULL AND NOT is_own_id),
       lines AS (
         SELECT id, delivery, line_key AS recorded_key, invoice_ref AS recorded_ref, lacks_invoice_id, ${columns},
           row_number() OVER (PARTITION BY delivery, ${columns} ORDER BY number, id) AS k
         FROM recorded WHERE found IS NULL),
       pairs AS (SELECT n, id, recorded_key, recorded_ref, lacks_invoice_id
         FROM rows JOIN lines USING (delivery, ${columns}, k)),
       found AS (UPDATE recorded SET found = $1 FROM pairs WHERE recorded.id = pairs.id)
       UPDATE delivered SET outcome = $2, line_key = recorded_key, invoice_ref = recorded_ref,
         is_invoiced = has_invoice_id AND lacks_invoice_id
       FROM pairs WHERE delivered.n = pairs.n`,
      [found, outcome],
    );
  }

  /** Of all deliveries, each of which has rows. */
  async compared(): Promise<Compared[]> {
    const { rows } = await this.pool.query<Compared>(
      `SELECT delivery, coalesce(recorded, 0) AS recorded, coalesce(same, 0) AS same, coalesce(changed, 0) AS changed,
         added, invoiced, coalesce(alike, 0) AS alike, "hasOnlyOwnIds"
       FROM (
         SELECT delivery, count(*) FILTER (WHERE outcome = 'accepted')::int AS added,
           count(*) FILTER (WHERE outcome = 'duplicate' AND is_invoiced)::int AS invoiced,
           bool_and(is_own_id) AS "hasOnlyOwnIds"
         FROM delivered GROUP BY delivery) d
       LEFT JOIN (
         SELECT delivery, count(*)::int AS recorded, count(*) FILTER (WHERE found = 'same')::int AS same,
           count(*) FILTER (WHERE found = 'changed')::int AS changed, count(of_rows.likeness)::int AS alike
         FROM recorded
         LEFT JOIN (SELECT DISTINCT delivery, likeness FROM delivered) of_rows USING (delivery, likeness)
         WHERE found IS DISTINCT FROM 'kept' GROUP BY delivery) r USING (delivery)`,
    );
    return rows;
  }

  /** The number of rows by file and outcome. */
  async outcomes(): Promise<{ readonly file: number; readonly outcome: RowOutcome; readonly rows: number }[]> {
    const { rows } = await this.pool.query<{ file: number; outcome: RowOutcome; rows: number }>(
      'SELECT file, outcome, count(*)::int AS rows FROM delivered GROUP BY file, outcome ORDER BY file, outcome',
    );
    return rows;
  }

  /** Rows whose own id another row has, with other content. */
  async conflicts(): Promise<
    { readonly file: number; readonly record: string; readonly key: string; readonly firstRow: number }[]
  > {
    const { rows } = await this.pool.query<{ file: number; record: string; key: string; firstRow: number }>(
      `SELECT file, record, key, first_row AS "firstRow" FROM delivered JOIN delivered_content USING (n)
       WHERE outcome = 'conflict' ORDER BY n`,
    );
    return rows;
  }

  /** Of each of these deliveries, a page of the rows whose lines are to be written, in the order of the files. */
  async rowsToWrite(deliveries: readonly number[], after: number, limit: number): Promise<RowToWrite[]> {
    const { rows } = await this.pool.query<RowToWrite>(
      `SELECT page.*, line
       FROM unnest($1::int[]) AS of (number) CROSS JOIN LATERAL (
         SELECT n, delivery, file, row, invoice_ref AS "invoiceRef", line_key AS "lineKey",
           CASE WHEN outcome = 'duplicate' THEN 'invoiced' ELSE outcome END AS outcome
         FROM delivered
         WHERE delivery = of.number AND n > $2 AND (outcome IN ('accepted', 'correction') OR is_invoiced)
         ORDER BY n LIMIT $3) page
       JOIN delivered_content USING (n)
       WHERE delivered_content.n > $2
       ORDER BY n`,
      [deliveries, after, limit],
    );
    return rows;
  }

  /** Recorded lines of these deliveries that the files do not have. */
  async gone(deliveries: readonly number[]): Promise<GoneLine[]> {
    const { rows } = await this.pool.query<GoneLine>(
      `SELECT delivery, invoice_ref AS "invoiceRef", line_key AS "lineKey" FROM recorded
       WHERE delivery = ANY ($1::int[]) AND found IS NULL ORDER BY id`,
      [deliveries],
    );
    return rows;
  }
}
