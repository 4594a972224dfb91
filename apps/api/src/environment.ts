import { z } from 'zod';
import type { Limits } from './protection.js';

/** As many as HS256 has bytes: a shorter secret can be guessed from one token. */
const MIN_SECRET_CHARS = 32;

const zUrl = (...schemes: string[]) =>
  z
    .string()
    .refine(
      (value) => schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value),
      `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    );

const zCount = (unlessGiven: number) =>
  z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'must be a whole number from 1 on')
    .transform(Number)
    .default(unlessGiven);

const zEnvironment = z.object({
  DATABASE_URL: zUrl('postgres', 'postgresql'),
  EVENT_STORE_URL: zUrl('esdb', 'esdb+discover').optional(),
  LEDGERLINE_JWT_SECRET: z.string().min(MIN_SECRET_CHARS, `must have at least ${MIN_SECRET_CHARS} characters`),
  LEDGERLINE_JWKS_URL: zUrl('https', 'http').optional(),
  LEDGERLINE_SELLER: z.string().optional(),
  LEDGERLINE_HOST: z.string().default('127.0.0.1'),
  LEDGERLINE_PORT: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a port number from 0 to 65535')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be a port number from 0 to 65535')
    .default(3000),
  LEDGERLINE_REQUESTS_PER_MINUTE: zCount(120_000),
  LEDGERLINE_REQUESTS_AT_ONCE: zCount(200),
});

export interface ApiSettings extends Limits {
  readonly databaseUrl: string;
  readonly eventStoreUrl?: string;
  /** HS256, at least 32 characters. */
  readonly jwtSecret: string;
  readonly jwksUrl?: string;
  /** Who bills, as invoices say. */
  readonly seller?: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** The settings from the environment; an empty variable counts as not set. Every fault is named in the one error. */
export function settingsFrom(environment: Readonly<Record<string, string | undefined>>): ApiSettings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
  const { success, data, error } = zEnvironment.safeParse(given);
  if (!success) {
    const faults = error.issues.map(({ path, code, message }) => {
      const name = path.join('.');
      return `  ${name} ${code === 'invalid_type' && given[name] === undefined ? 'is not set' : message}`;
    });
    throw new Error(`the environment is not complete; nothing was started. Set or correct:\n${faults.join('\n')}`);
  }
  return {
    databaseUrl: data.DATABASE_URL,
    ...(data.EVENT_STORE_URL === undefined ? {} : { eventStoreUrl: data.EVENT_STORE_URL }),
    jwtSecret: data.LEDGERLINE_JWT_SECRET,
    ...(data.LEDGERLINE_JWKS_URL === undefined ? {} : { jwksUrl: data.LEDGERLINE_JWKS_URL }),
    ...(data.LEDGERLINE_SELLER === undefined || data.LEDGERLINE_SELLER === '' ? {} : { seller: data.LEDGERLINE_SELLER }),
    host: data.LEDGERLINE_HOST,
    port: data.LEDGERLINE_PORT,
    requestsPerMinute: data.LEDGERLINE_REQUESTS_PER_MINUTE,
    requestsAtOnce: data.LEDGERLINE_REQUESTS_AT_ONCE,
  };
}
