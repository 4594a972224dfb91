import { invalid } from '#domain/errors';
import { type CellOptions, Cells } from '../rows/cells.js';
import { type DateFormat, dateFormat } from '../rows/date-format.js';
import { columnsNamed, EXACTLY, type FieldColumns, type NamedColumns, namedColumns } from '../rows/field.js';
import type { BackfillKind, Mapping } from '../rows/mapping.js';

export interface PresetField {
  readonly name: string;
  /** The possible columns, unless a mapping names one. The first one with a value is used. */
  readonly columns: readonly string[];
  readonly isRequired?: boolean;
}

/** A source with known columns, and how to read its rows. */
export interface Preset<Item> {
  readonly name: string;
  readonly kind: BackfillKind;
  readonly fields: readonly PresetField[];
  /** Whether a file with these columns comes from this source. `columns` of a JSON file are those of its first row. */
  recognises(columns: NamedColumns): boolean;
  readonly zone?: string;
  readonly exponents?: boolean;
  readonly nulls?: readonly string[];
  /** This source is known for odd but usable values. They are accepted and noted. */
  readonly isLenient?: boolean;
  /** Whether the source may guard texts against formulas, as our export does. */
  readonly isGuarded?: boolean;
  /** Whether another spelling of a key inside an object is another field, as in CloudEvents. */
  readonly hasExactPaths?: boolean;
  /** Whether the source defines this column. Other columns are noted and not read. */
  readonly isKnownColumn?: (column: string) => boolean;
  /** What a row says: one thing, or several (a cost and its credits). Errors: RowFault. */
  read(cells: Cells): Item | readonly Item[];
}

/**
 * The preset that a mapping names, or else the first preset that recognises the columns and has the fields that the
 * mapping names. Errors: `invalid_mapping`.
 */
export function presetFor<Item>(
  presets: readonly Preset<Item>[],
  mapping: Mapping,
  columns: readonly string[],
): Preset<Item> {
  const names = (): string => presets.map(({ name }) => name).join(', ');
  if (mapping.preset !== undefined) {
    const named = presets.find(({ name }) => name === mapping.preset);
    if (named === undefined)
      throw invalid('invalid_mapping', `unknown preset ${JSON.stringify(mapping.preset)}. Known presets: ${names()}`);
    return named;
  }
  const given = namedColumns(columns);
  const found = presets.find((preset) => preset.recognises(given));
  // The last preset is the generic one: its missing columns are reported by name.
  const generic = presets.at(-1);
  if (generic === undefined) throw new Error('a kind of backfill has no preset');
  if (found === undefined) return generic;
  // A mapping that names fields of the generic preset means that one.
  return !hasMapped(found, mapping) && hasMapped(generic, mapping) ? generic : found;
}

/** Whether the preset has every field that the mapping names. */
function hasMapped<Item>({ fields }: Preset<Item>, { columns = {}, values = {} }: Mapping): boolean {
  const names = new Set(fields.map(({ name }) => name));
  return [...Object.keys(columns), ...Object.keys(values)].every((name) => names.has(name));
}

/** The cells of a file, read by a preset and a mapping. Errors: `invalid_mapping`, `missing_column`. */
export function cellsFor<Item>(
  preset: Preset<Item>,
  mapping: Mapping,
  file: string,
  columns: readonly string[] | null,
): Cells {
  const named = new Map(preset.fields.map((field) => [field.name, field]));
  const unknown = [...Object.keys(mapping.columns ?? {}), ...Object.keys(mapping.values ?? {})].filter(
    (field) => !named.has(field),
  );
  if (unknown.length > 0)
    throw invalid(
      'invalid_mapping',
      `the mapping names ${unknown.join(', ')}, which ${preset.name} does not have.` +
        ` Its fields are ${[...named.keys()].join(', ')}`,
    );
  const resolved = new Map(
    preset.fields.map((field): [string, FieldColumns] => [field.name, columnsOf(preset, field, mapping, columns)]),
  );
  if (columns !== null) assertColumns({ preset, mapping, file, columns, resolved });
  const options: CellOptions = {
    columns: resolved,
    header: columns,
    values: mapping.values ?? {},
    tags: mapping.tags ?? {},
    zone: mapping.zone ?? preset.zone ?? null,
    dates: datesIn(mapping),
    exponents: mapping.exponents ?? preset.exponents ?? false,
    nulls: new Set(preset.nulls ?? []),
    isLenient: preset.isLenient ?? false,
    isGuarded: preset.isGuarded ?? false,
  };
  return new Cells(options);
}

/** The mapping was checked when it was read. */
function datesIn({ dates }: Mapping): DateFormat | null {
  const format = dates === undefined ? null : dateFormat(dates);
  if (typeof format === 'string') throw new Error(`dates must ${format}`);
  return format;
}

/**
 * The mapped column of this field, or else the columns of the file with the same name, except for case and underscores.
 * `columns` is null for objects, which may differ in their keys.
 */
export function columnsOf(
  { hasExactPaths = false }: Pick<Preset<unknown>, 'hasExactPaths'>,
  { name, columns: own }: PresetField,
  mapping: Mapping,
  columns: readonly string[] | null,
): FieldColumns {
  const mapped = mapping.columns?.[name];
  if (mapped !== undefined) return { names: [mapped], ...EXACTLY };
  if (columns === null) return { names: own, isExact: false, isExactInside: hasExactPaths };
  return { names: [...new Set(own.flatMap((each) => columnsNamed(each, columns)))], ...EXACTLY };
}

function assertColumns<Item>({
  preset,
  mapping,
  file,
  columns,
  resolved,
}: {
  readonly preset: Preset<Item>;
  readonly mapping: Mapping;
  readonly file: string;
  readonly columns: readonly string[];
  readonly resolved: ReadonlyMap<string, FieldColumns>;
}): void {
  const gone = Object.entries(mapping.columns ?? {}).filter(([, column]) => !columns.includes(column));
  const missing = preset.fields.filter(
    ({ name, isRequired }) =>
      isRequired === true && resolved.get(name)?.names.length === 0 && mapping.values?.[name] === undefined,
  );
  if (gone.length === 0 && missing.length === 0) return;
  const names = gone.length > 0 ? gone.map(([, column]) => column) : missing.map(({ name }) => name);
  const field = missing[0]?.name ?? gone[0]?.[0] ?? '';
  throw invalid(
    'missing_column',
    `${file}, line 1: ${names.map((name) => JSON.stringify(name)).join(', ')}` +
      ` ${names.length === 1 ? 'is' : 'are'} missing` +
      ` (read as ${preset.name}). The columns are ${columns.join(', ')}.` +
      ` In a mapping file (--map), name its column, {"columns": {"${field}": "…"}},` +
      ` or its value for all rows, {"values": {"${field}": "…"}}.`,
  );
}
