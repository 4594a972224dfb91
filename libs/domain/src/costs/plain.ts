import { canonicalText, isDecimalText } from '../money/decimal.js';
import { isCurrency } from '../money/money.js';
import { isId } from '../schema.js';
import { type Instant, isBefore, readInstant } from '../time/instant.js';
import { COST_CATEGORIES, isChargePeriod } from './cost.js';
import { FOCUS_DETAILS, isNumericDetail, LONGEST_DETAIL } from './focus.js';

/**
 * Cost lines as an import makes them are checked by faster means than the schema: a bill has many lines, each with some
 * forty fields.
 */
type Check = (value: unknown) => boolean;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A check that remembers the last value that passed: neighbours nearly always have the same in most fields. */
const remembering = (check: Check): Check => {
  let last: unknown;
  return (value) => {
    if (value !== undefined && value === last) return true;
    if (!check(value)) return false;
    last = value;
    return true;
  };
};

const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const isDecimal: Check = (value) => typeof value === 'string' && isDecimalText(value) && canonicalText(value) === value;
const isText: Check = (value) => typeof value === 'string' && value.length <= 2000 && !value.includes('\u0000');

const isInstant = (value: unknown): value is Instant => typeof value === 'string' && readInstant(value) === value;

function isPeriod(value: unknown): boolean {
  if (!isObject(value) || Object.keys(value).length !== 2) return false;
  const { start, end } = value;
  return isInstant(start) && isInstant(end) && isBefore(start, end) && isChargePeriod({ start, end });
}

const DETAILS: ReadonlyMap<string, Check> = new Map(
  FOCUS_DETAILS.map((column): [string, Check] => {
    const isNumeric = isNumericDetail(column);
    return [
      column,
      remembering(
        (value) =>
          typeof value === 'string' &&
          value.length <= LONGEST_DETAIL &&
          !value.includes('\u0000') &&
          (!isNumeric || isDecimalText(value)),
      ),
    ];
  }),
);

function areDetails(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const column in value) if (DETAILS.get(column)?.(value[column]) !== true) return false;
  return true;
}

const FIELDS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['lineKey', isId],
  ['resourceId', remembering(orAbsent(isId))],
  ['kind', remembering(isId)],
  ['chargePeriod', isPeriod],
  ['amount', isDecimal],
  ['currency', remembering((value) => typeof value === 'string' && isCurrency(value))],
  ['category', (value) => COST_CATEGORIES.some((each) => each === value)],
  ['class', (value) => value === undefined || value === null || value === 'correction'],
  ['tenantId', remembering(orAbsent(isId))],
  ['effectiveAmount', orAbsent(isDecimal)],
  ['description', remembering(orAbsent(isText))],
  ['focus', orAbsent(areDetails)],
]);
const REQUIRED = ['kind', 'chargePeriod', 'amount', 'currency', 'category'];

/**
 * Whether the schema of a line accepts this unchanged, as soon as it has a key; false also if only the schema can tell.
 */
export function isPlainContent(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const name in value) if (FIELDS.get(name)?.(value[name]) !== true) return false;
  return REQUIRED.every((name) => value[name] !== undefined);
}

const isPlainLine: Check = (value) => isPlainContent(value) && isObject(value) && value['lineKey'] !== undefined;

const REST: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['provider', isId],
  ['invoiceRef', isId],
  ['lines', (value) => Array.isArray(value) && value.length > 0 && value.every(isPlainLine)],
]);

/**
 * Whether the schema of CostRecorded accepts this unchanged; false also if only the schema can tell. This check costs a
 * fraction of the schema's.
 */
export const isPlainlyRecorded = (data: unknown): boolean =>
  isObject(data) &&
  Object.keys(data).length === REST.size &&
  Object.entries(data).every(([name, value]) => REST.get(name)?.(value) === true);

/** The same for CostCorrected. */
export function isPlainlyCorrected(data: unknown): boolean {
  if (!isObject(data)) return false;
  const { reason, ...recorded } = data;
  return isText(reason) && isPlainlyRecorded(recorded);
}
