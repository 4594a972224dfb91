import type { FrozenRow } from '#domain/invoices/invoice';
import type { QueryContext } from '#ledger/query';
import { type IssuedRow, type RowOfLine, readRowsOfLines } from '#projections/invoices/issued-rows.read';
import { numberOf } from './issued.js';

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

const related = ({ row_id: rowId, series, ordinal, kind }: RowOfLine): RelatedRow => ({
  rowId,
  number: numberOf(ordinal, series),
  kind,
});

/** What corrects what, of the lines of these rows, looked up once for all of them. */
export async function relationsOf(
  { core, position }: QueryContext,
  rows: readonly IssuedRow[],
): Promise<(row: IssuedRow) => Relations> {
  const lineIds = [...new Set(rows.map(({ row }) => row.lineId))];
  const found = await readRowsOfLines(core.db, position, lineIds);
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
