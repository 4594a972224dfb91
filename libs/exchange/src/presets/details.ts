import type { CostLine } from '#domain/costs/cost';
import { FOCUS_DETAILS, type FocusDetail, type FocusDetails, isNumericDetail } from '#domain/costs/focus';
import type { Cells } from '../rows/cells.js';
import type { PresetField } from './preset.js';

/** The columns of a source that have what a column of FOCUS has. */
export type DetailColumns = { readonly [Column in FocusDetail]?: readonly string[] };

export const detailFields = (columns: DetailColumns): PresetField[] =>
  Object.entries(columns).map(([name, own]) => ({ name, columns: own }));

/** What a preset worked out. */
export type KnownDetails = { readonly [Column in FocusDetail]?: string | undefined };

/** What a row says besides the fields of a cost line, by the columns of FOCUS. `known` has precedence. */
export function detailsOf(
  cells: Cells,
  columns: DetailColumns,
  known: KnownDetails = {},
  left: ReadonlySet<string> = NONE,
): FocusDetails {
  const columnsFound: FocusDetail[] = [];
  const values: string[] = [];
  for (const column of FOCUS_DETAILS) {
    const isRead = columns[column] !== undefined && cells.isIn(column);
    const written = known[column] ?? (isRead ? cells.asWritten(column) : undefined);
    if (written === undefined || left.has(column)) continue;
    const detail = cells.kept(column, written, isNumericDetail(column));
    if (detail === undefined) continue;
    columnsFound.push(column);
    values.push(detail);
  }
  return detailsWith(columnsFound, values);
}

/** The columns of the last row, without values. A copy has room for them, while an object that grows is slow. */
let blank: FocusDetails = {};
let columnsOfBlank: readonly FocusDetail[] = [];

function detailsWith(columns: readonly FocusDetail[], values: readonly string[]): FocusDetails {
  const isSame =
    columns.length === columnsOfBlank.length && columns.every((column, index) => column === columnsOfBlank[index]);
  if (!isSame) [blank, columnsOfBlank] = [Object.fromEntries(columns.map((column) => [column, ''])), columns];
  const details: { [Column in FocusDetail]?: string } = { ...blank };
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index];
    if (column !== undefined) details[column] = values[index] ?? '';
  }
  return details;
}

const NONE: ReadonlySet<string> = new Set();
const OF_USAGE: ReadonlySet<string> = new Set<FocusDetail>(['ConsumedQuantity', 'ConsumedUnit', 'ListCost']);
const OF_PRICE: ReadonlySet<string> = new Set<FocusDetail>([
  ...(['ConsumedQuantity', 'ConsumedUnit', 'ListCost'] as const),
  ...(['ListUnitPrice', 'PricingQuantity', 'PricingUnit', 'SkuId', 'SkuPriceId'] as const),
]);

/**
 * The same for a source of another format, whose rows have values where FOCUS allows none: a tax with a quantity, a
 * credit with a list cost.
 */
export const nativeDetails = (
  cells: Cells,
  columns: DetailColumns,
  category: CostLine['category'],
  known: KnownDetails,
): FocusDetails =>
  detailsOf(cells, columns, known, category === 'tax' ? OF_PRICE : category === 'usage' ? NONE : OF_USAGE);
