import { isDomainError } from '#domain/schema';
import { cellsFor, columnsOf, type Preset, type PresetField } from '../presets/preset.js';
import { given } from '../presets/costs.js';
import { isObject } from '../rows/answers.js';
import { namedColumns } from '../rows/field.js';
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
  readonly mapping: MappingToFillIn | null;
}

export interface MappingToFillIn {
  readonly kind: BackfillKind;
  /** Whether the file comes from the source of the preset. */
  readonly isRecognised: boolean;
  readonly mapping: Mapping;
  /** Why the first rows can't be read so far. Empty: columns are missing. */
  readonly rows: readonly DetectedRow[];
}

interface Candidate {
  readonly kind: BackfillKind;
  readonly preset: Preset<unknown>;
}

const SHOWN_ROWS = 3;
const TO_FILL_IN = 'NAME OF A COLUMN';
const VALUE_TO_FILL_IN = 'VALUE FOR ALL ROWS';
/** Fields that may have one value for a whole file. All others, such as a quantity, differ from row to row. */
const OF_A_FILE: ReadonlySet<string> = new Set([
  ...['deploymentId', 'resourceId', 'billingKind', 'provider', 'currency'],
  ...['payerAccountId', 'billingAccountId', 'tenancyId'],
]);

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
  const named = namedColumns(columns);
  const special = BACKFILL_KINDS.flatMap((kind) =>
    PRESETS[kind].slice(0, -1).flatMap((preset) => (preset.recognises(named) ? [{ kind, preset }] : [])),
  );
  const generic = BACKFILL_KINDS.flatMap((kind) => PRESETS[kind].slice(-1).map((preset) => ({ kind, preset })));
  const fitting = special.length > 0 ? special : generic;
  const read = fitting.map((each): Read => {
    const [rows, lacking] = [readBy(each.preset, source, header, shown), lackingIn(each.preset, source, header, shown)];
    return { ...each, rows, ...lacking };
  });
  const found = read.flatMap(({ kind, preset: { name: preset }, rows: of, missing }) =>
    of === null || (missing.length > 0 && of.every((row) => 'reason' in row)) ? [] : [{ kind, preset, rows: of }],
  );
  return { columns, found, mapping: found.length > 0 ? null : mappingFor(read) };
}

/** The rows as a preset reads them, and its fields that the file has, and that it lacks. */
interface Read extends Candidate {
  /** null: the file lacks columns that the preset needs. */
  readonly rows: readonly DetectedRow[] | null;
  readonly present: number;
  readonly missing: readonly string[];
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
    return rows.map((row): DetectedRow => {
      if (row.fault !== undefined) return { row: row.row, field: null, reason: row.fault };
      try {
        return { row: row.row, item: shown(preset.read(cells.on(row))) };
      } catch (error) {
        if (!(error instanceof RowFault)) throw error;
        return { row: row.row, field: error.field, reason: error.message };
      }
    });
  } catch (error) {
    if (isDomainError(error)) return null;
    throw error;
  }
}

/** How many fields of a preset the file has, and the required ones that it lacks. */
function lackingIn(
  preset: Preset<unknown>,
  source: Source,
  header: readonly string[] | null,
  rows: readonly SourceRow[],
): Pick<Read, 'present' | 'missing'> {
  const isThere = (field: PresetField): boolean => {
    if (header !== null) return columnsOf(preset, field, {}, header).names.length > 0;
    // Objects have no header: their fields may be in others.
    const cells = cellsFor(preset, {}, source.name, null);
    return rows.some((row) => cells.on(row).asWritten(field.name) !== undefined);
  };
  const present = preset.fields.filter(isThere);
  const missing = preset.fields.filter((field) => field.isRequired === true && !present.includes(field));
  return { present: present.length, missing: missing.map(({ name }) => name) };
}

/**
 * For the preset that knows most of the columns. A known source lacks columns, or values that only the user knows: a
 * quantity is none, because it would be billed for each row.
 */
function mappingFor(candidates: readonly Read[]): MappingToFillIn | null {
  const [best] = [...candidates].sort((a, b) => b.present - a.present || a.missing.length - b.missing.length);
  if (best === undefined) return null;
  const { kind, preset, missing, rows } = best;
  const isRecognised = PRESETS[kind].at(-1) !== preset;
  const isValue = (field: string): boolean => isRecognised && OF_A_FILE.has(field);
  const toFillIn = (of: (field: string) => boolean, text: string): Mapping['columns'] | undefined => {
    const fields = missing.filter(of);
    return fields.length === 0 ? undefined : Object.fromEntries(fields.map((field) => [field, text]));
  };
  return {
    kind,
    isRecognised,
    mapping: {
      preset: preset.name,
      ...given({
        columns: toFillIn((field) => !isValue(field), TO_FILL_IN),
        values: toFillIn(isValue, VALUE_TO_FILL_IN),
      }),
    },
    rows: rows ?? [],
  };
}
