import { z } from 'zod';
import { STREAM_KINDS } from '#domain/stream-name';
import { isConnectionString } from '#event-store/connection-string';
import { decimal, decimals } from '#domain/money/decimal';
import { isCurrency, scaleOf } from '#domain/money/money';
import type { FourEyes } from '#domain/proposals/proposal';
import { type Seller, zSeller } from '#domain/invoices/parties';
import { zDecimal } from '#domain/schema';
import { DEFAULT_USAGE_YEARS, type UsageYears } from '#domain/usage/usage-span';
import { DURATION, type TokenRules } from './token.js';

/** Checks for environment variables, for the processes that they configure. */

export const zUrl = (...schemes: string[]) =>
  z
    .string()
    .refine(
      (value) => schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value),
      `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    );
const zEventStoreUrl = z
  .string()
  .refine(
    isConnectionString,
    'must be a connection string such as esdb://host:2113?tls=false, esdb://a:2113,b:2113,c:2113 or' +
      ' esdb+discover://name (or kurrentdb:// in the same forms)',
  );
/** Where the log is, if it is in EventStoreDB. */
export interface EventStoreSettings {
  /** The connection string, with its credentials. */
  readonly url: string;
  /** What the names of the ledger's streams begin with. */
  readonly prefix: string;
}

/** A ledger with what stands before it as its prefix would take the streams for its own. */
const HOLDS_KIND = new RegExp(`[._-](${STREAM_KINDS.join('|')})-`);

export const zEventStore = {
  EVENT_STORE_URL: zEventStoreUrl.optional(),
  EVENT_STORE_PREFIX: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,98}[._-]$/,
      'must be at most 100 letters, digits, ".", "_" and "-", from a letter or digit to one of ".", "_" and "-"',
    )
    .refine(
      (prefix) => !HOLDS_KIND.test(prefix),
      `must not have a name of streams after its first part, such as "acme-usage-": ${STREAM_KINDS.join(', ')}`,
    )
    .default('ledgerline-'),
};

/** Empty: the log is in Postgres. */
export const eventStoreIn = (data: {
  readonly EVENT_STORE_URL?: string | undefined;
  readonly EVENT_STORE_PREFIX: string;
}): { readonly eventStore?: EventStoreSettings } =>
  data.EVENT_STORE_URL === undefined
    ? {}
    : { eventStore: { url: data.EVENT_STORE_URL, prefix: data.EVENT_STORE_PREFIX } };

/** Errors: a connection string or prefix that can't be used. */
export const eventStoreFrom = (
  environment: Readonly<Record<string, string | undefined>>,
): { readonly eventStore?: EventStoreSettings } => eventStoreIn(readEnvironment(z.object(zEventStore), environment));

export const zCount = (max: number, message: string) =>
  z
    .string()
    .refine((value) => /^\d{1,9}$/.test(value) && Number(value) <= max, message)
    .transform(Number);
const years = (fallback: number) => zCount(1000, 'must be a whole number of at most 1000').default(fallback);
/** How far from now new usage may be. */
export const zUsageYears = {
  LEDGERLINE_USAGE_YEARS_BACK: years(DEFAULT_USAGE_YEARS.back),
  LEDGERLINE_USAGE_YEARS_AHEAD: years(DEFAULT_USAGE_YEARS.ahead),
};
/** Errors: a variable that is no number of years. */
export function usageYearsFrom(environment: Readonly<Record<string, string | undefined>>): UsageYears {
  const read = readEnvironment(z.object(zUsageYears), environment);
  return { back: read.LEDGERLINE_USAGE_YEARS_BACK, ahead: read.LEDGERLINE_USAGE_YEARS_AHEAD };
}
/** Reads `USD:1000.00,EUR:900`. Errors: a text that says what is wrong. */
function limitsIn(value: string): FourEyes | string {
  const limits = new Map<string, string>();
  const faults = value.split(',').flatMap((each) => {
    const [currency = '', amount = '', ...more] = each.trim().split(':');
    if (!isCurrency(currency)) return [`"${currency}" is not an ISO 4217 currency`];
    if (limits.has(currency)) return [`${currency} is given twice`];
    const limit = more.length === 0 ? zDecimal.safeParse(amount).data : undefined;
    if (limit === undefined || limit.startsWith('-')) return [`"${each.trim()}" has no amount of at least 0`];
    if (decimals(decimal(limit)) > scaleOf(currency)) return [`${each.trim()} has more decimals than ${currency}`];
    limits.set(currency, limit);
    return [];
  });
  return faults.length === 0 ? limits : faults.join('; ');
}

/** Above which amounts corrections and voids need a second actor. */
export const zFourEyes = {
  LEDGERLINE_FOUR_EYES: z
    .string()
    .transform((value, context): FourEyes => {
      const limits = limitsIn(value);
      if (typeof limits !== 'string') return limits;
      context.addIssue({ code: 'custom', message: `must be limits such as "USD:1000.00,EUR:900": ${limits}` });
      return z.NEVER;
    })
    .optional(),
};
/** Empty: the feature is off. */
export const fourEyesIn = (data: {
  readonly LEDGERLINE_FOUR_EYES?: FourEyes | undefined;
}): { readonly fourEyes?: FourEyes } =>
  data.LEDGERLINE_FOUR_EYES === undefined ? {} : { fourEyes: data.LEDGERLINE_FOUR_EYES };
/** Errors: limits that can't be used. */
export const fourEyesFrom = (
  environment: Readonly<Record<string, string | undefined>>,
): { readonly fourEyes?: FourEyes } => fourEyesIn(readEnvironment(z.object(zFourEyes), environment));

/** The seller as electronic invoices name it, as a JSON object. */
export const zSellerDetails = {
  LEDGERLINE_SELLER_DETAILS: z
    .string()
    .transform((value, context): Seller => {
      const said = (message: string): typeof z.NEVER => {
        context.addIssue({ code: 'custom', message: `must be a JSON object such as {"name":"Ltd"}: ${message}` });
        return z.NEVER;
      };
      try {
        const { data, error } = zSeller.safeParse(JSON.parse(value));
        if (data !== undefined) return data;
        return said(error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '));
      } catch {
        return said('it is not JSON');
      }
    })
    .optional(),
};
/** Empty: electronic invoices are refused, because they need a seller. */
export const sellerDetailsIn = (data: {
  readonly LEDGERLINE_SELLER_DETAILS?: Seller | undefined;
}): { readonly sellerDetails?: Seller } =>
  data.LEDGERLINE_SELLER_DETAILS === undefined ? {} : { sellerDetails: data.LEDGERLINE_SELLER_DETAILS };
/** Errors: details that can't be used. */
export const sellerDetailsFrom = (
  environment: Readonly<Record<string, string | undefined>>,
): { readonly sellerDetails?: Seller } => sellerDetailsIn(readEnvironment(z.object(zSellerDetails), environment));

/** Which tokens are accepted. */
export const zTokens = {
  LEDGERLINE_JWT_ISSUER: z.string().optional(),
  LEDGERLINE_JWT_AUDIENCE: z
    .string()
    .transform((text) => text.split(',').map((each) => each.trim()))
    .refine((audiences) => !audiences.includes(''), 'must be one name, or several with commas between them')
    .optional(),
  LEDGERLINE_JWT_WITHOUT_END: z.enum(['allow', 'refuse'], 'must be allow or refuse').default('refuse'),
  LEDGERLINE_JWT_LONGEST_LIFE: z
    .string()
    .regex(DURATION, 'must be a duration such as "15m", "12h" or "30d"')
    .optional(),
};

const zTokenSettings = z.object(zTokens);

/** Which tokens are accepted, from variables that were read. */
export const tokenRulesIn = (data: z.output<typeof zTokenSettings>): TokenRules => ({
  ...(data.LEDGERLINE_JWT_ISSUER === undefined ? {} : { issuer: data.LEDGERLINE_JWT_ISSUER }),
  ...(data.LEDGERLINE_JWT_AUDIENCE === undefined ? {} : { audiences: data.LEDGERLINE_JWT_AUDIENCE }),
  withoutEnd: data.LEDGERLINE_JWT_WITHOUT_END === 'allow',
  ...(data.LEDGERLINE_JWT_LONGEST_LIFE === undefined ? {} : { longestLife: data.LEDGERLINE_JWT_LONGEST_LIFE }),
});

/** Errors: a variable that is invalid. */
export const tokenRulesFrom = (environment: Readonly<Record<string, string | undefined>>): TokenRules =>
  tokenRulesIn(readEnvironment(zTokenSettings, environment));

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LEVELS)[number];
export const zLogLevel = z.enum(LEVELS, `must be one of ${LEVELS.join(', ')}`).default('info');

/**
 * Reads the variables that a process needs. An empty variable counts as not set. The error lists all faults,
 * but no values.
 */
export function readEnvironment<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<z.ZodObject<Shape>> {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const { success, data, error } = schema.safeParse(set);
  if (success) return data;
  const faults = new Map(error.issues.map(({ path, message }) => [path.join('.'), message]));
  const lines = [...faults].map(([name, message]) => `  ${name} ${set[name] === undefined ? 'is not set' : message}`);
  throw new Error(
    `environment variables are missing or invalid. Nothing was started. Set or correct:\n${lines.join('\n')}`,
  );
}
