import type { FrozenRow } from '#domain/invoices/invoice';
import type { QueryContext } from '#ledger/query';
import { isVisible } from '#ledger/visible';
import { type IssuedRow, type RowOfLine, readRowsOfLines } from '#projections/invoices/issued-rows.read';
import { numberOf } from './issued.js';

/** A row that corrects another row, or is corrected by it. */
export interface RelatedRow {
  readonly rowId: string;
  readonly number: string | null;
  readonly kind: FrozenRow['kind'];
}

export interface Relations {
  /** Rows of earlier invoices that this row reverses, or books again with the right amount. */
  readonly corrects: readonly RelatedRow[];
  /** Rows of later invoices and credit notes that correct this one. */
  readonly correctedBy: readonly RelatedRow[];
  /**
   * The log position that the corrected rows were computed from. What was recorded after it is the reason for the
   * correction. null: this row corrects no other.
   */
  readonly knownBefore: number | null;
}

const related = ({ row_id: rowId, series, ordinal, kind }: RowOfLine): RelatedRow => ({
  rowId,
  number: numberOf(ordinal, series),
  kind,
});

/**
 * Which rows of the same lines correct each other. They are looked up once for all rows. Of documents that the caller
 * may not see none is named.
 */
export async function relationsOf(
  context: QueryContext,
  rows: readonly IssuedRow[],
): Promise<(row: IssuedRow) => Relations> {
  const lineIds = [...new Set(rows.map(({ row }) => row.lineId))];
  const found = await readRowsOfLines(context.core.db, context.position, lineIds);
  const isSeen = (row: RowOfLine): boolean => isVisible(row, context.confinedTo);
  const byId = new Map(found.map((each) => [each.row_id, each]));
  const corrections = found.flatMap((by) => (by.corrects ?? []).map((id) => ({ id, by })));
  const correctors = Map.groupBy(corrections, ({ id }) => id);
  return ({ row }) => {
    const corrected = (row.corrects ?? []).flatMap((id) => byId.get(id) ?? []);
    return {
      corrects: corrected.filter(isSeen).map(related),
      correctedBy: (correctors.get(row.rowId) ?? []).flatMap(({ by }) => (isSeen(by) ? related(by) : [])),
      knownBefore:
        corrected.length === 0 || row.kind === 'credit_note'
          ? null
          : Math.max(...corrected.map((each) => each.computed_at)),
    };
  };
}
