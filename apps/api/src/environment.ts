import { isIP } from 'node:net';
import { z } from 'zod';
import type { Seller } from '#domain/invoices/parties';
import type { FourEyes } from '#domain/proposals/proposal';
import type { UsageYears } from '#domain/usage/usage-span';
import {
  eventStoreIn,
  type EventStoreSettings,
  fourEyesIn,
  sellerDetailsIn,
  type LogLevel,
  readEnvironment,
  tokenRulesIn,
  zCount,
  zEventStore,
  zFourEyes,
  zSellerDetails,
  zLogLevel,
  zTokens,
  zUrl,
  zUsageYears,
} from '#runtime/environment';
import type { TokenRules } from '#runtime/token';
import type { FloodLimits } from './floods.js';
import type { Limits } from './protection.js';

/** The length of an HS256 hash: a shorter secret can be guessed from one token. */
const MIN_SECRET_CHARS = 32;

const fromOne = zCount(999_999_999, 'must be a whole number of at least 1').refine(
  (value) => value > 0,
  'must be a whole number of at least 1',
);

const isNetwork = (text: string): boolean => {
  const [, address = text, bits = '0'] = /^(.*)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
};
const areNetworks = (text: string): boolean => text.split(',').every((each) => isNetwork(each.trim()));

/** Every variable that the API reads. A test compares the table in docs/running.md with this. */
const zEnvironment = z.object({
  DATABASE_URL: zUrl('postgres', 'postgresql'),
  LEDGERLINE_READ_URLS: z
    .string()
    .transform((text) => text.split(',').map((each) => each.trim()))
    .refine(
      (urls) => urls.every((url) => zUrl('postgres', 'postgresql').safeParse(url).success),
      'must be URLs that start with postgres:// or postgresql://, with commas between them',
    )
    .optional(),
  ...zEventStore,
  LEDGERLINE_JWT_SECRET: z.string().min(MIN_SECRET_CHARS, `must have at least ${MIN_SECRET_CHARS} characters`),
  LEDGERLINE_JWKS_URL: zUrl('https', 'http').optional(),
  ...zTokens,
  LEDGERLINE_SELLER: z.string().optional(),
  ...zSellerDetails,
  LEDGERLINE_HOST: z.string().default('127.0.0.1'),
  LEDGERLINE_PORT: zCount(65_535, 'must be a port number from 0 to 65535').default(3000),
  LEDGERLINE_TRUSTED_PROXIES: z
    .string()
    .refine(areNetworks, 'must be addresses or networks separated by commas, such as "127.0.0.1,10.0.0.0/8"')
    .optional(),
  LEDGERLINE_REQUESTS_PER_MINUTE: fromOne.default(120_000),
  LEDGERLINE_UNAUTHENTICATED_PER_MINUTE: fromOne.default(600),
  LEDGERLINE_CONNECTIONS_PER_ADDRESS: fromOne.default(1000),
  LEDGERLINE_REQUESTS_AT_ONCE: fromOne.default(64),
  LEDGERLINE_QUERIES_AT_ONCE: fromOne.default(10),
  LEDGERLINE_REQUESTS_AT_ONCE_PER_TENANT: fromOne.optional(),
  LEDGERLINE_TRANSFER_TIMEOUT_MS: fromOne.default(60_000),
  LEDGERLINE_QUERY_TIMEOUT_MS: fromOne.default(60_000),
  ...zUsageYears,
  ...zFourEyes,
  LEDGERLINE_LOG_LEVEL: zLogLevel,
  OTEL_EXPORTER_OTLP_ENDPOINT: zUrl('https', 'http').optional(),
});
export const VARIABLES: readonly string[] = Object.keys(zEnvironment.shape);

export interface ApiSettings extends Limits, FloodLimits {
  readonly databaseUrl: string;
  /** Hot standbys of the database, which answer queries. */
  readonly readUrls?: readonly string[];
  readonly eventStore?: EventStoreSettings;
  /** HS256, at least 32 characters. */
  readonly jwtSecret: string;
  readonly jwksUrl?: string;
  /** Default: a token needs an expiry, and nothing else. */
  readonly tokenRules?: TokenRules;
  /** The seller on invoices. */
  readonly seller?: string;
  /** The seller as electronic invoices name it. */
  readonly sellerDetails?: Seller;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Addresses and networks of trusted proxies, separated by commas. Only their X-Forwarded-For header is used. */
  readonly trustedProxies?: string;
  /** Timeout of a query, in milliseconds. */
  readonly queryTimeoutMs: number;
  /** How far from now new usage may be. */
  readonly usageYears?: UsageYears;
  /** Above these amounts, corrections and voids need a second actor. */
  readonly fourEyes?: FourEyes;
  readonly logLevel?: LogLevel;
  /** Collector of traces. Without it, there are no traces. */
  readonly otlpEndpoint?: string;
}

/** Reads the settings from the environment. Errors: all faults in one error. */
export function settingsFrom(environment: Readonly<Record<string, string | undefined>>): ApiSettings {
  const data = readEnvironment(zEnvironment, environment);
  return {
    databaseUrl: data.DATABASE_URL,
    ...(data.LEDGERLINE_READ_URLS === undefined ? {} : { readUrls: data.LEDGERLINE_READ_URLS }),
    ...eventStoreIn(data),
    jwtSecret: data.LEDGERLINE_JWT_SECRET,
    ...(data.LEDGERLINE_JWKS_URL === undefined ? {} : { jwksUrl: data.LEDGERLINE_JWKS_URL }),
    tokenRules: tokenRulesIn(data),
    ...(data.LEDGERLINE_SELLER === undefined || data.LEDGERLINE_SELLER === ''
      ? {}
      : { seller: data.LEDGERLINE_SELLER }),
    ...sellerDetailsIn(data),
    host: data.LEDGERLINE_HOST,
    port: data.LEDGERLINE_PORT,
    ...(data.LEDGERLINE_TRUSTED_PROXIES === undefined ? {} : { trustedProxies: data.LEDGERLINE_TRUSTED_PROXIES }),
    requestsPerMinute: data.LEDGERLINE_REQUESTS_PER_MINUTE,
    unauthenticatedPerMinute: data.LEDGERLINE_UNAUTHENTICATED_PER_MINUTE,
    connectionsPerAddress: data.LEDGERLINE_CONNECTIONS_PER_ADDRESS,
    requestsAtOnce: data.LEDGERLINE_REQUESTS_AT_ONCE,
    queriesAtOnce: data.LEDGERLINE_QUERIES_AT_ONCE,
    ...(data.LEDGERLINE_REQUESTS_AT_ONCE_PER_TENANT === undefined
      ? {}
      : { requestsAtOncePerTenant: data.LEDGERLINE_REQUESTS_AT_ONCE_PER_TENANT }),
    transferMs: data.LEDGERLINE_TRANSFER_TIMEOUT_MS,
    queryTimeoutMs: data.LEDGERLINE_QUERY_TIMEOUT_MS,
    usageYears: { back: data.LEDGERLINE_USAGE_YEARS_BACK, ahead: data.LEDGERLINE_USAGE_YEARS_AHEAD },
    ...fourEyesIn(data),
    logLevel: data.LEDGERLINE_LOG_LEVEL,
    ...(data.OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? {} : { otlpEndpoint: data.OTEL_EXPORTER_OTLP_ENDPOINT }),
  };
}
