import { z } from 'zod';
import { canonicalText, isDecimalText } from './money/decimal.js';
import { isCurrency } from './money/money.js';
import { type Instant, isBefore, readInstant } from './time/instant.js';
import { DomainError, invalid } from './errors.js';
import { checked, fieldErrors, fieldPath, listed } from './faults.js';
import { isStorable, unstorableIn } from './storable.js';

/**
 * The building blocks of all schemas: of commands, events and requests. They also bring what they accept to one
 * canonical form.
 */

/** A Postgres index entry holds five ids of this length and the times of a record. */
const LONGEST_ID_BYTES = 512;
const utf8 = new TextEncoder();
/** A longer id has the fault "too many characters" already. */
const fits = (id: string): boolean =>
  id.length * 3 <= LONGEST_ID_BYTES || id.length > LONGEST_ID_BYTES || utf8.encode(id).length <= LONGEST_ID_BYTES;

const HAS_UNSEEN = 'contains characters that cannot be seen (control, format, filler or unassigned ones)';
const IS_DECOMPOSED = 'is not in the Unicode form NFC';
const ASCII = /^[\x20-\x7e]*$/;
/** Besides the control characters of ASCII. */
const UNSEEN = /[\u0080-\u009f\p{Cf}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u;
/** Without these two, texts that look the same are two ids. Letters of different scripts may still look alike. */
const isSeen = (id: string): boolean => ASCII.test(id) || !UNSEEN.test(id);
const isComposed = (id: string): boolean => ASCII.test(id) || id.normalize('NFC') === id;

/** What is wrong with a text as an id, apart from its length. undefined: nothing. */
export function faultOfId(id: string): string | undefined {
  if (!isSeen(id) || !ID.test(id)) return HAS_UNSEEN;
  return isComposed(id) ? undefined : IS_DECOMPOSED;
}

/**
 * The schema of an id in a recorded event. zId adds limits that came later, and an event that was recorded before them
 * must stay readable: else no read model could be built from the log.
 */
export const zRecordedId = z
  .string()
  .min(1, 'must not be empty')
  .max(512, 'is longer than 512 characters')
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'contains control characters');

/** The schema of an id as input: free text of 1 to 512 bytes in UTF-8, in NFC, of characters that can be seen. */
export const zId = zRecordedId
  .refine(isStorable, 'contains half a surrogate pair, which cannot be stored')
  .refine(isSeen, HAS_UNSEEN)
  .refine(isComposed, IS_DECOMPOSED)
  .refine(fits, `is longer than ${LONGEST_ID_BYTES} bytes: letters outside ASCII take two to four`);

/** The schema of the ids in an event: zId where it is written, zRecordedId where it is read. */
export type IdSchema = typeof zId;

/** The schemas of a subject's events, by type. */
type EventSchemas = (id: IdSchema) => Readonly<Record<string, z.ZodType>>;
/** The data of one of a subject's events. */
export type EventDataOf<Schemas extends EventSchemas, Type extends keyof ReturnType<Schemas>> = z.infer<
  ReturnType<Schemas>[Type]
>;
/** The events of a subject. */
export type EventOf<Schemas extends EventSchemas> = {
  [Type in keyof ReturnType<Schemas>]: { readonly type: Type; readonly data: EventDataOf<Schemas, Type> };
}[keyof ReturnType<Schemas>];

/** Whether a value is an id, as zId accepts it. */
export const isId = (value: unknown): boolean =>
  typeof value === 'string' &&
  (PLAIN_ID.test(value) || (ID.test(value) && isStorable(value) && fits(value) && faultOfId(value) === undefined));
const PLAIN_ID = /^[\x20-\x7e]{1,512}$/;
/** Without the control characters of ASCII. */
const ID = /^[^\u0000-\u001f\u007f]{1,512}$/;

export const zText = z
  .string()
  .max(2000, 'is longer than 2000 characters')
  .refine((value) => !value.includes('\u0000'), 'contains a NUL character');

/** A plain decimal as a string. Its output has no trailing zeros: "0.010" becomes "0.01". */
export const zDecimal = z
  .string('must be a decimal as a string, such as "12.50"')
  .refine(isDecimalText, 'is not a plain decimal such as "12.50"')
  .transform((value) => canonicalText(value));

export const zInstant = z
  .string('must be an instant as a string, such as "2026-04-01T00:00:00Z"')
  .transform((value, context): Instant => {
    const found = readInstant(value);
    if (typeof found === 'string') return found;
    context.addIssue({ code: 'custom', message: found.message });
    return z.NEVER;
  });

/** What an event that corrects or withdraws recorded facts says besides the state that is true now. */
export const correctionFields = {
  /** The first instant from which what is owed may change; null: nothing of it does. */
  changedFrom: zInstant.nullable(),
  /** The key of the command that is withdrawn. Its facts may be stated again. */
  withdrawn: z.string().optional(),
  reason: zText,
};

export const zPeriod = z
  .strictObject({ start: zInstant, end: zInstant })
  .refine(({ start, end }) => isBefore(start, end), 'must end after it starts');

export const zCurrency = z.string().refine(isCurrency, 'is not an ISO 4217 currency such as "USD"');

/** A UTC calendar date, `2026-04-15`. */
export const zDate = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, 'is not a date such as "2026-04-15"')
  .refine((value) => typeof readInstant(`${value}T00:00:00Z`) === 'string', 'does not exist in the calendar');

/** A JSON object that is kept unchanged. */
export const zJsonObject = z.record(z.string(), z.json());

/**
 * Checks that an input fits its schema and can be stored. Every fault names its field. `code`: the code of the refusal,
 * by default `invalid_input`.
 */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: string,
  code = 'invalid_input',
): z.output<Schema> {
  const unstorable = unstorableIn(input);
  if (unstorable !== undefined) {
    const error = { field: fieldPath(unstorable.path), message: unstorable.message };
    throw invalid(code, `${what}: ${listed([error])}`, [error]);
  }
  return shaped(schema, input, what, code);
}

/** The same for a part of an input that `parse` has accepted: large batches of readings are searched only once. */
export function shaped<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: string,
  code = 'invalid_input',
): z.output<Schema> {
  const result = checked(schema, input);
  if (result.success) return result.data;
  const errors = fieldErrors(result.error);
  throw invalid(code, `${what}: ${listed(errors)}`, errors);
}

export const isDomainError = (error: unknown): error is DomainError => error instanceof DomainError;
