import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type FieldError, invalid } from '#domain/errors';

/** The accounts of a journal, and what an account name may contain in braces. */
const TEMPLATES = {
  receivable: { account: 'Assets:Receivable', parts: ['tenant'] },
  accruedRevenue: { account: 'Assets:Accrued-revenue', parts: ['kind', 'tenant'] },
  inputTax: { account: 'Assets:Input-tax', parts: ['provider'] },
  bank: { account: 'Assets:Bank', parts: [] },
  deferredRevenue: { account: 'Liabilities:Deferred-revenue', parts: ['kind', 'tenant'] },
  taxPayable: { account: 'Liabilities:Tax-payable', parts: [] },
  tenantCredit: { account: 'Liabilities:Tenant-credit', parts: ['tenant'] },
  unappliedPayments: { account: 'Liabilities:Unapplied-payments', parts: ['tenant'] },
  prepaidCredit: { account: 'Liabilities:Prepaid-credit', parts: ['tenant'] },
  payable: { account: 'Liabilities:Payable:{provider}', parts: ['provider'] },
  revenue: { account: 'Income:Revenue:{kind}', parts: ['kind', 'tenant'] },
  discounts: { account: 'Income:Discounts', parts: ['kind', 'tenant'] },
  credits: { account: 'Income:Credits', parts: ['kind', 'tenant'] },
  prepaidCreditUsed: { account: 'Income:Prepaid-credit-used', parts: ['tenant'] },
  prepaidCreditExpired: { account: 'Income:Prepaid-credit-expired', parts: ['tenant'] },
  cost: { account: 'Expenses:Cost:{kind}', parts: ['kind', 'provider'] },
} as const satisfies Record<string, { readonly account: string; readonly parts: readonly Part[] }>;

type Part = 'kind' | 'tenant' | 'provider';
export type AccountKey = keyof typeof TEMPLATES;

const KEYS = Object.keys(TEMPLATES) as AccountKey[];
const zName = z.string().min(1);

/** The mapping file of a journal. What it does not name keeps its default. */
export const zAccounts = z.strictObject({
  ...(Object.fromEntries(KEYS.map((key) => [key, zName.optional()])) as Record<AccountKey, z.ZodOptional<z.ZodString>>),
  /** Accounts of single billing kinds. */
  revenueByKind: z.record(z.string(), zName).optional(),
  /** Accounts of single kinds of cost. */
  costByKind: z.record(z.string(), zName).optional(),
  /** What a program wants to know beside accounts. */
  xero: z
    .strictObject({
      /** The name of the tax rate of all lines. */
      taxRate: zName.optional(),
    })
    .optional(),
  datev: z
    .strictObject({
      /** Beraternummer, Mandantennummer */
      consultant: z
        .string()
        .regex(/^[1-9]\d{3,6}$/, 'must have 4 to 7 digits')
        .optional(),
      client: z
        .string()
        .regex(/^[1-9]\d{0,4}$/, 'must have 1 to 5 digits')
        .optional(),
      /** Sachkontenlänge. */
      accountLength: z
        .string()
        .regex(/^[4-8]$/, 'must be a digit from 4 to 8')
        .optional(),
      /** `07-01`. Default: `01-01` */
      fiscalYearStart: z
        .string()
        .regex(/^(0[1-9]|1[0-2])-01$/, 'must be the first of a month such as "07-01"')
        .optional(),
    })
    .optional(),
});
export type AccountMapping = z.output<typeof zAccounts>;
/** What the mapping file says for a program. */
export const DEFAULT_ACCOUNT_LENGTH = '4';
export type DatevOptions = NonNullable<AccountMapping['datev']>;
export type XeroOptions = NonNullable<AccountMapping['xero']>;

/** Files that a bookkeeping program imports, in one currency. */
export const IMPORT_FORMATS = ['datev', 'xero', 'quickbooks'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

export const JOURNAL_FORMATS = ['hledger', 'ledger', 'beancount', 'csv', 'jsonl', ...IMPORT_FORMATS] as const;
export type JournalFormat = (typeof JOURNAL_FORMATS)[number];

/** What an account is of, as far as its name may say it. */
export type AccountOf = Readonly<Partial<Record<Part, string>>>;
/** The name of an account. */
export type Accounts = (key: AccountKey, of: AccountOf) => string;

interface Valid {
  readonly test: (name: string) => boolean;
  readonly rule: string;
}
const PLAIN_TEXT_ACCOUNT = /^[\p{L}\p{N}][\p{L}\p{N} ._&+/-]*(:[\p{L}\p{N}][\p{L}\p{N} ._&+/-]*)*$/u;
const PLAIN_TEXT: Valid = {
  test: (name) => PLAIN_TEXT_ACCOUNT.test(name) && !/ {2}| :| $/.test(name),
  rule: 'Use parts of letters, digits, single spaces and . _ & + / -, with : between them.',
};
const TABLE: Valid = { test: (name) => !/\p{C}/u.test(name), rule: 'Leave out control characters.' };
const VALID: Readonly<Record<Exclude<JournalFormat, 'datev'>, Valid>> = {
  hledger: PLAIN_TEXT,
  ledger: PLAIN_TEXT,
  beancount: {
    test: (name) => /^(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+$/.test(name),
    rule: 'Begin with Assets, Liabilities, Equity, Income or Expenses; then parts such as :Tax-payable.',
  },
  csv: TABLE,
  jsonl: TABLE,
  xero: {
    test: (name) => /^[A-Za-z0-9.-]{1,10}$/.test(name),
    rule: 'Give the code of the account: at most 10 letters and digits.',
  },
  quickbooks: {
    test: (name) =>
      !/[\p{C}"]/u.test(name) && name.split(':').every((part) => part.trim() !== '' && part.length <= 100),
    rule: 'Give the name of the account, with : before a sub-account.',
  },
};

/** Accounts of persons have a digit more than the others. */
function validIn(format: JournalFormat, { datev }: AccountMapping): Valid {
  if (format !== 'datev') return VALID[format];
  const digits = Number(datev?.accountLength ?? DEFAULT_ACCOUNT_LENGTH);
  return {
    test: (name) => /^\d+$/.test(name) && (name.length === digits || name.length === digits + 1),
    rule:
      `Give the number of the account, with ${digits} digits, or ${digits + 1} for a person; ` +
      'or set datev.accountLength.',
  };
}

/** The accounts of a mapping. Errors: `invalid_parameter`, for a name that the format can't hold. */
export function accountsOf(mapping: AccountMapping, format: JournalFormat): Accounts {
  const named = new Map(KEYS.map((key) => [key, mapping[key] ?? TEMPLATES[key].account]));
  const valid = validIn(format, mapping);
  const byKind = { revenue: mapping.revenueByKind ?? {}, cost: mapping.costByKind ?? {} };
  const faults = [
    ...[...named].flatMap(([key, name]) => faultsOf(key, name, TEMPLATES[key].parts, format, valid)),
    ...Object.entries(byKind).flatMap(([key, names]) =>
      Object.entries(names).flatMap(([kind, name]) => faultsOf(`${key}ByKind.${kind}`, name, [], format, valid)),
    ),
  ];
  const [first, ...others] = faults;
  if (first !== undefined) {
    const more = others.length === 0 ? '' : ` The same is true of ${others.map(({ field }) => field).join(', ')}.`;
    throw invalid('invalid_parameter', `export journal: ${first.field} ${first.message}${more}`, faults);
  }
  return (key, of) => {
    const ofKind = key === 'revenue' || key === 'cost' ? new Map(Object.entries(byKind[key])) : null;
    const name = ofKind?.get(of.kind ?? '') ?? named.get(key) ?? TEMPLATES[key].account;
    return name.replace(/\{(\w+)\}/g, (_match, part: string) => accountPart(of[part as Part] ?? 'none'));
  };
}

function faultsOf(
  key: string,
  name: string,
  parts: readonly Part[],
  format: JournalFormat,
  { test, rule }: Valid,
): FieldError[] {
  const fault = (message: string): FieldError => ({ field: `accounts.${key}`, message });
  const unknown = [...name.matchAll(/\{(\w+)\}/g)].find(([, part]) => !parts.some((each) => each === part));
  if (unknown !== undefined) {
    const allowed = parts.length === 0 ? 'nothing in braces' : parts.map((each) => `{${each}}`).join(', ');
    return [fault(`contains ${unknown[0]}, which is not known there (allowed: ${allowed})`)];
  }
  return test(name.replace(/\{(\w+)\}/g, 'X'))
    ? []
    : [fault(`is ${JSON.stringify(name)}, which is not an account name in ${format}. ${rule}`)];
}

/** `droplet_hours` */
const PLAIN = /^[a-z0-9][a-z0-9_]*$/;
/** `VmCores` */
const CAMEL = /^[A-Z][a-z0-9]*([A-Z][a-z0-9]*)+$/;

/**
 * An id as a part of an account name that every format takes. `droplet_hours` is `Droplet-hours`. An id with other
 * characters has a hash at its end, so that two ids are never one account.
 */
export function accountPart(id: string): string {
  if (CAMEL.test(id)) return id;
  if (PLAIN.test(id)) return capitalised(id.replaceAll('_', '-'));
  const shown = capitalised(id.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-+|-+$/g, '')).slice(0, 40);
  const hash = `H${createHash('sha256').update(id).digest('hex').slice(0, 12).toUpperCase()}`;
  return shown === '' ? hash : `${shown}-${hash}`;
}

const capitalised = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
