import type { FrozenRow, Series } from '#domain/invoices/invoice';
import type { QueryContext } from '#ledger/query';
import { type IssuedRow, NOW, numberOf } from './issued.js';

/** A row that another corrects, or that corrects it: where it stands. */
export interface RelatedRow {
  readonly rowId: string;
  readonly number: string | null;
  readonly kind: FrozenRow['kind'];
}

export interface Relations {
  /** Rows of earlier invoices that this one takes back, or books as they should be. */
  readonly corrects: readonly RelatedRow[];
  /** Rows of later invoices and credit notes that correct this one. */
  readonly correctedBy: readonly RelatedRow[];
  /** Up to here the corrected rows were computed: what was recorded since is why they are corrected. null: this row corrects none. */
  readonly knownBefore: number | null;
}

interface Found {
  readonly row_id: string;
  readonly series: Series;
  readonly ordinal: number | null;
  readonly computed_at: number;
  readonly kind: FrozenRow['kind'];
  readonly corrects: readonly string[] | null;
}

const related = ({ row_id: rowId, series, ordinal, kind }: Found): RelatedRow => ({
  rowId,
  number: numberOf(ordinal, series),
  kind,
});

/** What corrects what, of the lines of these rows, looked up once for all of them. */
export async function relationsOf(
  { core, position }: QueryContext,
  rows: readonly IssuedRow[],
): Promise<(row: IssuedRow) => Relations> {
  const shown = "r.row_id, r.row ->> 'kind' AS kind, r.row -> 'corrects' AS corrects";
  const { rows: found } = await core.pool.query<Found>(
    `SELECT 'INV' AS series, i.ordinal, i.computed_at, ${shown} FROM invoice_rows r JOIN invoices i ON i.invoice_id = r.invoice_id AND i.rows_attempt = r.attempt AND ${NOW('i')} WHERE r.line_id = ANY($2::uuid[])
     UNION ALL SELECT 'CN', c.ordinal, c.position_from, ${shown} FROM invoice_rows r JOIN credit_notes c ON c.credit_note_id = r.invoice_id AND c.rows_attempt = r.attempt AND ${NOW('c')} WHERE r.line_id = ANY($2::uuid[])
     ORDER BY computed_at, row_id`,
    [position, [...new Set(rows.map(({ row }) => row.lineId))]],
  );
  const byId = new Map(found.map((each) => [each.row_id, each]));
  const corrections = found.flatMap((by) => (by.corrects ?? []).map((id) => ({ id, by })));
  const correctors = Map.groupBy(corrections, ({ id }) => id);
  return ({ row }) => {
    const corrected = (row.corrects ?? []).flatMap((id) => byId.get(id) ?? []);
    return {
      corrects: corrected.map(related),
      correctedBy: (correctors.get(row.rowId) ?? []).map(({ by }) => related(by)),
      knownBefore:
        corrected.length === 0 || row.kind === 'credit_note'
          ? null
          : Math.max(...corrected.map((each) => each.computed_at)),
    };
  };
}
