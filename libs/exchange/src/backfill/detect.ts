import { isDomainError } from '#domain/schema';
import { cellsFor, columnsOf, type Preset, type PresetField } from '../presets/preset.js';
import { isObject } from '../rows/answers.js';
import { rowsOf } from '../rows/file-rows.js';
import { BACKFILL_KINDS, type BackfillKind, type Mapping } from '../rows/mapping.js';
import { RowFault, type SourceRow } from '../rows/row.js';
import type { Source } from '../rows/source.js';
import { PRESETS } from './kinds.js';

/** A preset that fits a file, and the first rows as it reads them. */
export interface Detected {
  readonly kind: BackfillKind;
  readonly preset: string;
  readonly rows: readonly DetectedRow[];
}

/** What a row is read as, or why it would be rejected. */
export type DetectedRow =
  | { readonly row: number; readonly item: unknown }
  | { readonly row: number; readonly field: string | null; readonly reason: string };

export interface Detection {
  readonly columns: readonly string[];
  /** Empty: no preset fits without a mapping. */
  readonly found: readonly Detected[];
  /** A mapping to start from: the preset that knows most of the columns, with what is missing for it. */
  readonly mapping: { readonly kind: BackfillKind; readonly mapping: Mapping } | null;
}

const SHOWN_ROWS = 3;
const TO_FILL_IN = 'NAME OF A COLUMN';
const VALUE_TO_FILL_IN = 'VALUE FOR ALL ROWS';

/** Which presets fit a file. Only its beginning is read. Errors: `unreadable_file`. */
export async function detect(source: Source): Promise<Detection> {
  const { columns: header, pages } = await rowsOf(source, {}, () => undefined);
  const rows: SourceRow[] = [];
  for await (const page of pages) {
    rows.push(...page);
    break;
  }
  const first = rows.find(({ fault }) => fault === undefined);
  const columns = header ?? Object.keys(first?.fields ?? {});
  const shown = rows.slice(0, SHOWN_ROWS);
  const named = new Set(columns);
  const special = BACKFILL_KINDS.flatMap((kind) =>
    PRESETS[kind].slice(0, -1).flatMap((preset) => (preset.recognises(named) ? [{ kind, preset }] : [])),
  );
  const generic = BACKFILL_KINDS.flatMap((kind) => PRESETS[kind].slice(-1).map((preset) => ({ kind, preset })));
  const fitting = special.length > 0 ? special : generic;
  const read = fitting.map((each) => ({ ...each, rows: readBy(each.preset, source, header, shown) }));
  const found = read.flatMap(({ kind, preset: { name: preset }, rows: of }) =>
    of === null ? [] : [{ kind, preset, rows: of }],
  );
  return { columns, found, mapping: found.length > 0 ? null : mappingFor(fitting, source, header, shown) };
}

/** Without the key by which a line is found again: it repeats the other fields. */
function shown(item: unknown): unknown {
  if (Array.isArray(item)) return item.map(shown);
  if (!isObject(item)) return item;
  const { key: _key, isOwnId: _isOwnId, ...rest } = item;
  return rest;
}

/** The rows as a preset reads them. null: the file lacks columns that it needs. */
function readBy(
  preset: Preset<unknown>,
  source: Source,
  header: readonly string[] | null,
  rows: readonly SourceRow[],
): DetectedRow[] | null {
  try {
    const cells = cellsFor(preset, {}, source.name, header);
    const read = rows.map((row): DetectedRow => {
      if (row.fault !== undefined) return { row: row.row, field: null, reason: row.fault };
      try {
        return { row: row.row, item: shown(preset.read(cells.on(row))) };
      } catch (error) {
        if (!(error instanceof RowFault)) throw error;
        return { row: row.row, field: error.field, reason: error.message };
      }
    });
    // Objects have no header: a generic preset fits them if it can read one.
    return header === null && read.length > 0 && read.every((each) => 'reason' in each) ? null : read;
  } catch (error) {
    if (isDomainError(error)) return null;
    throw error;
  }
}

/** For the preset that knows most of the columns. A known source lacks values that only the user knows. */
function mappingFor(
  presets: readonly { readonly kind: BackfillKind; readonly preset: Preset<unknown> }[],
  source: Source,
  header: readonly string[] | null,
  rows: readonly SourceRow[],
): Detection['mapping'] {
  const isThere = (preset: Preset<unknown>, field: PresetField): boolean => {
    if (header !== null) return columnsOf(preset, field, {}, header).names.length > 0;
    // Objects have no header: their fields may be in others.
    const cells = cellsFor(preset, {}, source.name, null);
    return rows.some((row) => cells.on(row).asWritten(field.name) !== undefined);
  };
  const [best] = presets
    .map(({ kind, preset }) => {
      const present = preset.fields.filter((field) => isThere(preset, field));
      const missing = preset.fields.filter((field) => field.isRequired === true && !present.includes(field));
      return { kind, preset, present: present.length, missing: missing.map(({ name }) => name) };
    })
    .sort((a, b) => b.present - a.present || a.missing.length - b.missing.length);
  if (best === undefined) return null;
  const { kind, preset, missing } = best;
  const isGeneric = PRESETS[kind].at(-1) === preset;
  const fields = Object.fromEntries(missing.map((field) => [field, isGeneric ? TO_FILL_IN : VALUE_TO_FILL_IN]));
  return { kind, mapping: { preset: preset.name, ...(isGeneric ? { columns: fields } : { values: fields }) } };
}
