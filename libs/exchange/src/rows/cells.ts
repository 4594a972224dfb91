import { LONGEST_DETAIL } from '#domain/costs/focus';
import { faultOfId, isId } from '#domain/schema';
import { ownText } from '#domain/own-text';
import { unstorableIn } from '#domain/storable';
import { canonicalText, isDecimalText } from '#domain/money/decimal';
import { instantsAt } from '#domain/time/calendar';
import { type Instant, readInstant } from '#domain/time/instant';
import { isObject } from './answers.js';
import { jsonIn, storable } from './cell-json.js';
import { type DateFormat, isOffset } from './date-format.js';
import { dateHint } from './date-hint.js';
import { EXACTLY, Field, type FieldColumns, Shape, Shapes } from './field.js';
import { unguarded } from './formulas.js';
import { plainDecimal } from './plain-decimal.js';
import { looseJson } from './loose-json.js';
import { exactly } from './raw-numbers.js';
import { RowFault, type RowNote, type SourceRow } from './row.js';

export interface CellOptions {
  /** Field → its possible columns. A field without an entry is looked up by its own name. */
  readonly columns: ReadonlyMap<string, FieldColumns>;
  /** The header of a CSV file. null: the rows are objects. */
  readonly header: readonly string[] | null;
  readonly values: Readonly<Record<string, string>>;
  /** Prefix of a tag → the field whose value follows. */
  readonly tags: Readonly<Record<string, 'tenantId' | 'deploymentId'>>;
  readonly zone: string | null;
  /** The format of times that are not ISO 8601 with a zone. null: they are ISO 8601 too. */
  readonly dates: DateFormat | null;
  readonly exponents: boolean;
  /** Texts that mean empty, in addition to the empty text. */
  readonly nulls: ReadonlySet<string>;
  /** Whether times without zone, exponents and nulls of this source are accepted, with a note for each. */
  readonly isLenient: boolean;
  /** Whether an apostrophe before what would be a formula is no part of the text. */
  readonly isGuarded: boolean;
}

/** A decimal that is only too long. */
const TOO_LONG = /^-?\d+(?:\.\d+)?$/;
const WITHOUT_ZONE = /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?$/;
/** ISO 8601 with a zone, in forms that RFC 3339 lacks: without seconds, `+0200`, `+02`, or the `UTC` of BigQuery. */
const LOOSE = /^(\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2})(:\d{2}(?:\.\d+)?)? ?(?:([Zz]|UTC)|([+-]\d{2}):?(\d{2})?)$/;
/** Times repeat from row to row: at most this many are cached. */
const MOST_KEPT = 10_000;

/**
 * The fields of a row by our names, each with the checks of the ledger. An invalid value is a RowFault that names the
 * field.
 */
export class Cells {
  private row: SourceRow = { row: 0, line: null, fields: {} };
  /** Of rows that are objects: the keys of this one. */
  private shape = new Shape([]);
  private readonly shapes = new Shapes();
  private exact: Readonly<Record<string, unknown>> | null = null;
  private readonly instants = new Map<string, Instant>();
  private notes: RowNote[] = [];
  private readonly fieldsOf = new Map<string, Field>();
  private readonly isSkipped: (text: string) => boolean;
  /** The field that is read. */
  private reading = '';

  /** Whether the mapping says how dates are written. */
  readonly hasDateFormat: boolean;
  /** Whether odd values of this source are accepted, with a note for each. */
  readonly isLenient: boolean;

  constructor(private readonly options: CellOptions) {
    const { nulls } = options;
    this.hasDateFormat = options.dates !== null;
    this.isLenient = options.isLenient;
    const longest = Math.max(0, ...[...nulls].map(({ length }) => length));
    this.isSkipped = (text) => text.length <= longest && nulls.has(text) && this.isNull(text);
  }

  /** Moves to a row. */
  on(row: SourceRow): this {
    this.row = row;
    if (row.record === undefined) this.shape = this.shapes.of(row.fields);
    this.exact = null;
    this.notes = [];
    return this;
  }

  /** The oddities of this row. */
  noted(): readonly RowNote[] {
    return this.notes;
  }

  note(code: string, field: string, value: string, message: string): void {
    this.notes.push({ code, field, value, message });
  }

  private field(name: string): Field {
    const known = this.fieldsOf.get(name);
    if (known !== undefined) return known;
    const { values, columns, header } = this.options;
    const field = new Field(values[name], columns.get(name) ?? { names: [name], ...EXACTLY }, header);
    this.fieldsOf.set(name, field);
    return field;
  }

  /** Whether a row of the file may have the field. */
  isIn(field: string): boolean {
    return this.field(field).isIn;
  }

  /** Whether the row has a column for the field, even if it is empty. */
  hasColumn(field: string): boolean {
    return this.field(field).hasColumn(this.shape);
  }

  /** All fields of the row, unchanged. */
  fields(): Readonly<Record<string, unknown>> {
    return this.row.fields;
  }

  /** The unchanged value. undefined: there is none. */
  raw(field: string): unknown {
    const value = this.written(field);
    return value === undefined ? undefined : storable(field, value);
  }

  private written(name: string, field = this.field(name)): unknown {
    if (field.fixed !== undefined) return field.fixed;
    this.reading = name;
    const { record } = this.row;
    const value =
      record === undefined
        ? field.inFields(this.row.fields, this.shape, this.isSkipped)
        : field.inRecord(record, this.isSkipped);
    return this.options.isGuarded && typeof value === 'string' ? unguarded(value) : value;
  }

  private isNull(value: string): boolean {
    this.note('null_text', this.reading, value, 'null written as text. Read as empty.');
    return true;
  }

  optional(field: string): string | undefined {
    const known = this.field(field);
    const written = this.written(field, known);
    if (written === undefined || written === known.clean) return known.clean === written ? known.clean : undefined;
    const value = storable(field, written);
    if (typeof value === 'object') throw new RowFault(field, value, 'must be text, not an object or a list');
    const found = typeof value === 'string' ? value : this.exactText(field, value);
    const first = found.charCodeAt(0);
    const last = found.charCodeAt(found.length - 1);
    if (first > 32 && last > 32) {
      if (found === written) known.clean = found;
      return found;
    }
    const trimmed = found.trim();
    if (trimmed === '') return undefined;
    this.note('spaces', field, found, 'has spaces around it. Read without them.');
    return trimmed;
  }

  /** The text, without notes about oddities. */
  quietly(field: string): string | undefined {
    const noted = this.notes.length;
    const value = this.optional(field);
    this.forget(noted);
    return value;
  }

  /** The later notes. To set a length takes longer than to compare it. */
  private forget(noted: number): void {
    if (this.notes.length > noted) this.notes.length = noted;
  }

  /** A value as it was written, without notes about oddities. undefined: there is none. */
  asWritten(field: string): string | undefined {
    const noted = this.notes.length;
    const value = this.written(field);
    this.forget(noted);
    if (value === undefined) return undefined;
    if (typeof value === 'object') return JSON.stringify(value);
    const found = typeof value === 'string' ? value : this.exactText(field, value);
    return isBlank(found) ? undefined : found;
  }

  /** A detail, from which nothing is computed, as it can be kept. What can't be kept is noted, and left out. */
  kept(field: string, value: string, isNumeric: boolean): string | undefined {
    const known = this.field(field);
    if (known.writtenDetail === value) return known.keptDetail;
    const found = isNumeric ? plainDecimal(value.trim()) : value;
    const fault = found === null ? 'is not a plain decimal such as "12.50"' : faultOfDetail(found);
    if (fault === undefined && found !== null) {
      known.writtenDetail = value;
      known.keptDetail = found;
      return found;
    }
    this.note('not_kept', field, value.slice(0, 60), `${fault}. The row is imported without it.`);
    return undefined;
  }

  /** An id of its own column, or else from tags, by the mapping. */
  idOrTagged(field: 'tenantId' | 'deploymentId', tags: readonly string[]): string | undefined {
    return this.optionalId(field) ?? this.tagged(field, tags);
  }

  /** The value of a field from tags, by the mapping. */
  tagged(field: 'tenantId' | 'deploymentId', tags: readonly string[]): string | undefined {
    for (const [start, named] of Object.entries(this.options.tags)) {
      const tag =
        named === field ? tags.find((each) => each.startsWith(start) && each.length > start.length) : undefined;
      if (tag !== undefined) return this.asId(field, tag.slice(start.length));
    }
    return undefined;
  }

  text(field: string): string {
    const value = this.optional(field);
    if (value !== undefined) return value;
    throw new RowFault(
      field,
      null,
      'is missing. Every row needs it: add it, or set one for all rows,' +
        ` {"values": {"${field}": "…"}}, in a mapping file (--map).`,
    );
  }

  id(field: string): string {
    return this.asId(field, this.text(field));
  }

  optionalId(field: string): string | undefined {
    const value = this.optional(field);
    return value === undefined ? undefined : this.asId(field, value);
  }

  private asId(field: string, value: string): string {
    const known = this.field(field);
    if (value === known.id) return value;
    if (isId(value)) {
      known.id = value;
      return value;
    }
    throw new RowFault(
      field,
      value,
      Buffer.byteLength(value) > 512
        ? `is ${Buffer.byteLength(value)} bytes long. The maximum is 512.`
        : `${faultOfId(value) ?? 'cannot be stored'}. Correct it.`,
    );
  }

  /** A decimal in its canonical form. */
  decimal(field: string): string {
    return this.asDecimal(field, this.text(field));
  }

  optionalDecimal(field: string): string | undefined {
    const value = this.optional(field);
    return value === undefined ? undefined : this.asDecimal(field, value);
  }

  asDecimal(field: string, value: string): string {
    if (isDecimalText(value)) return canonicalText(value);
    const plain = plainDecimal(value);
    if (TOO_LONG.test(value))
      throw new RowFault(field, value, 'has more than 60 digits before or after its point. Shorten it.');
    if (plain === null)
      throw new RowFault(
        field,
        value,
        'is not a plain decimal such as "12.50". Write it with a point, without separators or units.',
      );
    if (!this.options.exponents)
      throw new RowFault(
        field,
        value,
        `is in exponent form, in which spreadsheets lose digits. Write it as ${plain},` +
          ' or set {"exponents": true} in a mapping file (--map).',
      );
    if (this.options.isLenient)
      this.note('exponent', field, value, 'decimal in exponent form. Read exactly as written.');
    return plain;
  }

  instant(field: string): Instant {
    return this.asInstant(field, this.text(field));
  }

  optionalInstant(field: string): Instant | undefined {
    const value = this.optional(field);
    return value === undefined ? undefined : this.asInstant(field, value);
  }

  asInstant(field: string, value: string): Instant {
    const known = this.instants.get(value);
    if (known !== undefined) return known;
    const written = this.isoOf(field, value);
    const isWithout = WITHOUT_ZONE.test(written);
    const read = this.readInstant(field, isWithout ? this.zoned(field, written) : strictly(written), value);
    if (isWithout && this.options.isLenient) return read;
    if (this.instants.size === MOST_KEPT) this.instants.clear();
    this.instants.set(ownText(value), read);
    return read;
  }

  /** A time in the format of the mapping as ISO 8601. */
  private isoOf(field: string, value: string): string {
    const { dates } = this.options;
    if (dates === null) return value;
    const found = dates.read(value) ?? (LOOSE.test(value) ? value : null);
    if (found !== null) return found;
    throw new RowFault(
      field,
      value,
      `is not in the format ${dates.format} of the mapping. Correct it, or the mapping.`,
    );
  }

  private zoned(field: string, value: string): string {
    const { zone, isLenient } = this.options;
    if (zone === null)
      throw new RowFault(
        field,
        value,
        'has no zone. Write it as 2026-04-01T00:00:00Z, or set the zone of the file,' +
          ' {"zone": "Z"}, {"zone": "+02:00"} or {"zone": "Europe/Paris"}, in a mapping file (--map).',
      );
    if (isLenient) this.note('no_zone', field, value, `time without zone. Read as ${zone === 'Z' ? 'UTC' : zone}.`);
    const [date = '', time = '00:00:00'] = value.split(/[Tt ]/);
    const local = `${date}T${time.length === 5 ? `${time}:00` : time}`;
    return isOffset(zone) ? `${local}${zone}` : this.inTimeZone(field, local, { value, zone });
  }

  /** Errors: RowFault, if the clocks of the zone show the time twice or never. */
  private inTimeZone(field: string, local: string, { value, zone }: { value: string; zone: string }): string {
    const asUtc = this.readInstant(field, `${local}Z`, value);
    const [first, second] = instantsAt(asUtc, zone);
    if (first !== undefined && second === undefined) return first;
    throw new RowFault(
      field,
      value,
      first === undefined
        ? `does not exist in ${zone}, where clocks are put forward then. Correct it.`
        : `comes twice in ${zone}, where clocks are put back then. Write it as ${first} or ${second ?? ''}.`,
    );
  }

  private readInstant(field: string, zoned: string, value: string): Instant {
    const found = readInstant(zoned);
    if (typeof found === 'string') return found;
    throw new RowFault(
      field,
      value,
      found.code === 'calendar'
        ? 'does not exist in the calendar. Correct the date.'
        : `is not an instant such as "2026-04-01T00:00:00Z"${dateHint(value, this.options.zone !== null)}`,
    );
  }

  /** One of these words, in any case. */
  oneOf<Word extends string>(field: string, words: readonly Word[]): Word {
    const value = this.text(field);
    const found = words.find((word) => word === value.toLowerCase());
    if (found === undefined) throw new RowFault(field, value, `must be one of ${words.join(', ')}`);
    return found;
  }

  /** A JSON object, in JSON or as text in a CSV cell. */
  optionalObject(field: string): Record<string, unknown> | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    const read = typeof value === 'string' ? storable(field, jsonIn(field, value)) : value;
    if (typeof read !== 'object' || read === null || Array.isArray(read))
      throw new RowFault(field, value, 'must be a JSON object such as {"team": "a"}');
    return read as Record<string, unknown>;
  }

  /** A list of objects, in JSON or as text in a CSV cell, with numbers as they were written. Without a value: empty. */
  list(field: string): readonly Readonly<Record<string, unknown>>[] {
    const value = this.raw(field);
    if (value === undefined) return [];
    const read = typeof value === 'string' ? storable(field, jsonIn(field, value, looseJson)) : this.exactly(field);
    const items: unknown[] = Array.isArray(read) ? read : [null];
    if (!items.every(isObject))
      throw new RowFault(field, value, 'must be a JSON list of objects such as [{"amount": "1.00"}]');
    return items;
  }

  /** A JSON number as it was written: a float is not exact. */
  private exactText(field: string, value: unknown): string {
    if (typeof value !== 'number') return String(value);
    const found = this.exactly(field);
    return typeof found === 'string' ? found : String(value);
  }

  /** The value of JSON, with numbers as they were written. */
  private exactly(field: string): unknown {
    const { text, fields } = this.row;
    if (text !== undefined) this.exact ??= exactly(text) as Readonly<Record<string, unknown>>;
    const exact = this.exact ?? fields;
    return this.field(field).inFields(exact, this.shape);
  }
}

/** Nearly no text begins with a space. */
const isBlank = (text: string): boolean => !(text.charCodeAt(0) > 32 && text.charCodeAt(0) < 127) && text.trim() === '';

/** `2023-11-13T10:00Z` as `2023-11-13T10:00:00Z`, `… +0200` as `…+02:00`. Other texts stay as they are. */
function strictly(value: string): string {
  const parts = LOOSE.exec(value);
  if (parts === null) return value;
  const [, minute = '', seconds = ':00', utc, hours = '', minutes = '00'] = parts;
  return `${minute}${seconds}${utc === undefined ? `${hours}:${minutes}` : 'Z'}`;
}

const faultOfDetail = (value: string): string | undefined =>
  value.length > LONGEST_DETAIL ? `is longer than ${LONGEST_DETAIL} characters` : unstorableIn(value)?.message;
