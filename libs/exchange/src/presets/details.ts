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
  const details: { [Column in FocusDetail]?: string } = {};
  for (const column of FOCUS_DETAILS) {
    if (left.has(column)) continue;
    const written = known[column] ?? (columns[column] === undefined ? undefined : cells.asWritten(column));
    const detail = written === undefined ? undefined : cells.kept(column, written, isNumericDetail(column));
    if (detail !== undefined) details[column] = detail;
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
