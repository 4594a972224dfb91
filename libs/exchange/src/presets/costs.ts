import { COST_CATEGORIES, type CostLine, isChargePeriod, NO_CHARGE_PERIOD } from '#domain/costs/cost';
import { isCurrency } from '#domain/money/money';
import { firstInstantAfter, type Instant, isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { Cells } from '../rows/cells.js';
import type { Preset } from './preset.js';
import { RowFault } from '../rows/row.js';

/** A row of a provider's bill. */
export interface CostItem {
  readonly provider: string;
  /** The payer account and the billing month, or what else names all that the provider says of it at once. */
  readonly delivery: string;
  /** What the delivery is a part of, if a file may have several: its name is this, a space and its own. */
  readonly partOf?: string;
  /** The bill within the delivery: usually the same. */
  readonly invoiceRef: string;
  /** Whether the lines of a delivery may be on several bills, whose references begin with its own and a space. */
  readonly mayHaveBills?: true;
  readonly line: Omit<CostLine, 'lineKey'>;
  /** Identifies the line within its invoice. It never contains an amount, which a later delivery may correct. */
  readonly key: string;
  /** Whether the id comes from the source. Otherwise, rows with equal keys are separate lines. */
  readonly isOwnId: boolean;
}

/** Parts of a line key, in order. */
export const keyOf = (...parts: readonly (string | undefined)[]): string => parts.join('|');

/**
 * The period of a charge, from `start` to before `end`. Providers date some taxes and adjustments at an instant: their
 * period is one microsecond, and is noted.
 */
export function chargePeriod(cells: Cells, start = cells.instant('start'), end = cells.instant('end')): Period {
  const period = start === end && cells.isLenient ? instantly(cells, start) : { start, end };
  const fault = !isBefore(start, period.end)
    ? 'does not end after its start. A charge period is [start, end).'
    : isChargePeriod(period)
      ? null
      : NO_CHARGE_PERIOD;
  if (fault !== null) throw new RowFault('chargePeriod', `${start}/${end}`, fault);
  return period;
}

function instantly(cells: Cells, start: Instant): Period {
  cells.note('no_length', 'chargePeriod', start, 'ends at its start. It is read as one microsecond.');
  return { start, end: firstInstantAfter(start) };
}

export function currencyOf(cells: Cells, field: string): string {
  const currency = cells.text(field);
  if (!isCurrency(currency)) throw new RowFault(field, currency, 'is not an ISO 4217 currency such as "USD"');
  return currency;
}

/** A type of charge that is refused: it must not count as usage. */
export const unknownType = (field: string, value: string, what: string, known: readonly string[]): RowFault =>
  new RowFault(
    field,
    value,
    `is not a known ${what} (known: ${known.join(', ')}). In the file of rejects, replace it by the known one that` +
      ' it is like, then import that file.',
  );

/** The fields that have a value. */
export const given = <Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as {
    [Name in keyof Fields]?: NonNullable<Fields[Name]>;
  };

const LONGEST_DESCRIPTION = 2000;

/** A description, cut to the maximum length. Nothing is computed from it. */
export function descriptionOf(cells: Cells, field: string): string | undefined {
  const text = cells.optional(field);
  if (text === undefined || text.length <= LONGEST_DESCRIPTION) return text;
  cells.note('cut', field, `${text.slice(0, 60)}…`, `cut to ${LONGEST_DESCRIPTION} characters`);
  // Half a surrogate pair can't be stored.
  return text.slice(0, LONGEST_DESCRIPTION).replace(/[\ud800-\udbff]$/, '');
}

/** Costs with a column for each field of a cost line. */
export const genericCosts: Preset<CostItem> = {
  name: 'costs',
  kind: 'costs',
  fields: [
    { name: 'provider', columns: ['provider'], isRequired: true },
    { name: 'invoiceRef', columns: ['invoiceRef', 'invoice'], isRequired: true },
    { name: 'lineKey', columns: ['lineKey'] },
    { name: 'resourceId', columns: ['resourceId', 'resource'] },
    { name: 'kind', columns: ['kind'], isRequired: true },
    { name: 'start', columns: ['start', 'chargePeriod.start', 'chargePeriodStart'], isRequired: true },
    { name: 'end', columns: ['end', 'chargePeriod.end', 'chargePeriodEnd'], isRequired: true },
    { name: 'amount', columns: ['amount'], isRequired: true },
    { name: 'currency', columns: ['currency'], isRequired: true },
    { name: 'category', columns: ['category'], isRequired: true },
    { name: 'class', columns: ['class'] },
    { name: 'tenantId', columns: ['tenantId'] },
    { name: 'effectiveAmount', columns: ['effectiveAmount'] },
    { name: 'description', columns: ['description'] },
  ],
  recognises: () => true,
  read(cells) {
    const lineKey = cells.optionalId('lineKey');
    const [provider, invoiceRef, kind] = [cells.id('provider'), cells.id('invoiceRef'), cells.id('kind')];
    const [resourceId, tenantId, description] = [
      cells.optionalId('resourceId'),
      cells.optionalId('tenantId'),
      descriptionOf(cells, 'description'),
    ];
    const period = chargePeriod(cells);
    const [category, currency] = [cells.oneOf('category', COST_CATEGORIES), currencyOf(cells, 'currency')];
    const isCorrection =
      cells.optional('class') !== undefined && cells.oneOf('class', ['correction'] as const) === 'correction';
    return {
      provider,
      delivery: invoiceRef,
      invoiceRef,
      line: {
        kind,
        chargePeriod: period,
        amount: cells.decimal('amount'),
        currency,
        category,
        ...(isCorrection ? { class: 'correction' as const } : {}),
        ...given({ resourceId, tenantId, effectiveAmount: cells.optionalDecimal('effectiveAmount'), description }),
      },
      key:
        lineKey ??
        keyOf(
          kind,
          resourceId,
          period.start,
          period.end,
          currency,
          category,
          isCorrection ? 'correction' : '',
          tenantId,
          description,
        ),
      isOwnId: lineKey !== undefined,
    };
  },
};
