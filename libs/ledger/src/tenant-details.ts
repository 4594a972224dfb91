import { randomBytes, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import { type Buyer, zBuyer } from '#domain/invoices/parties';
import { sha256 } from './command.js';
import { IN_PRIVATE_SCHEMA } from './private-texts.js';

/** What is known of a tenant as a person or company. */
export interface Details {
  readonly name: string;
  readonly address?: string | undefined;
  readonly taxNumber?: string | undefined;
  readonly email?: string | undefined;
  /** What electronic invoices need of the buyer. */
  readonly eInvoice?: Buyer | undefined;
}

const zMore = z.object({
  address: z.string().optional(),
  taxNumber: z.string().optional(),
  email: z.string().optional(),
  eInvoice: zBuyer.optional(),
});

/** What names are compared by. The same in each database: others change more letters, as their locale has it. */
const NAME_KEY = 'lower(name COLLATE "C")';

/**
 * Personal details of tenants, in a separate table. Events hold a reference and a salted hash: erasing a row erases the
 * details, and every hash in the log stays valid.
 */
export class TenantDetails {
  constructor(private readonly pool: pg.Pool) {}

  async migrate(): Promise<void> {
    await this.pool.query(
      `${IN_PRIVATE_SCHEMA} CREATE TABLE IF NOT EXISTS ledgerline_private.tenant_details` +
        ' (ref uuid PRIMARY KEY, tenant_id text NOT NULL, name text NOT NULL, salt text NOT NULL);' +
        // Address, tax number, e-mail and the details of electronic invoices, as canonical JSON.
        " ALTER TABLE ledgerline_private.tenant_details ADD COLUMN IF NOT EXISTS more text NOT NULL DEFAULT '{}';" +
        ' DROP INDEX IF EXISTS ledgerline_private.tenant_details_once;' +
        ' CREATE UNIQUE INDEX IF NOT EXISTS tenant_details_each' +
        ' ON ledgerline_private.tenant_details (tenant_id, md5(name), md5(more));' +
        // An index takes no long text.
        ` CREATE INDEX IF NOT EXISTS tenant_details_named ON ledgerline_private.tenant_details (md5(${NAME_KEY}))`,
    );
  }

  /**
   * Stores details. The same details of the same tenant have the same reference and hash. Neither can be computed from
   * the details, so nobody can confirm a guessed name.
   */
  async keep(tenantId: string, { name, ...others }: Details): Promise<{ detailsRef: string; detailsHash: string }> {
    const more = canonicalJson(others);
    // An existing row does not change: the update only makes it return its values.
    const { rows } = await this.pool.query<{ ref: string; salt: string }>(
      'INSERT INTO ledgerline_private.tenant_details AS kept (ref, tenant_id, name, salt, more)' +
        ' VALUES ($1, $2, $3, $4, $5)' +
        ' ON CONFLICT (tenant_id, md5(name), md5(more)) DO UPDATE SET ref = kept.ref RETURNING ref, salt',
      [randomUUID(), tenantId, name, randomBytes(16).toString('hex'), more],
    );
    const [kept] = rows;
    if (kept === undefined) throw new Error(`the details of tenant ${tenantId} were not stored`);
    return { detailsRef: kept.ref, detailsHash: hashOf({ salt: kept.salt, name, more }) };
  }

  /** Details by reference, without erased ones. */
  async read(refs: readonly string[]): Promise<Map<string, Details>> {
    const { rows } = await this.pool.query<{ ref: string; name: string; more: string }>(
      'SELECT ref, name, more FROM ledgerline_private.tenant_details WHERE ref = ANY($1)',
      [refs],
    );
    return new Map(rows.map(({ ref, name, more }) => [ref, { name, ...zMore.parse(JSON.parse(more)) }]));
  }

  /** What details hash to now, by reference, without erased ones: the event's hash if nobody changed them. */
  async hashed(refs: readonly string[]): Promise<Map<string, string>> {
    const { rows } = await this.pool.query<{ ref: string; name: string; more: string; salt: string }>(
      'SELECT ref, name, more, salt FROM ledgerline_private.tenant_details WHERE ref = ANY($1)',
      [refs],
    );
    return new Map(rows.map(({ ref, ...kept }) => [ref, hashOf(kept)]));
  }

  /** References to the details with a name, in whatever case its letters from a to z are. */
  async named(name: string): Promise<string[]> {
    const { rows } = await this.pool.query<{ ref: string }>(
      `SELECT ref FROM ledgerline_private.tenant_details, lower($1 COLLATE "C") AS wanted` +
        ` WHERE md5(${NAME_KEY}) = md5(wanted) AND ${NAME_KEY} = wanted`,
      [name],
    );
    return rows.map(({ ref }) => ref);
  }

  /** References to the details whose name has a text in it, in whatever case its letters from a to z are. */
  async containing(text: string): Promise<string[]> {
    // All names are read: of 100,000 that takes some 50 ms, and an index of parts of names needs an extension.
    const { rows } = await this.pool.query<{ ref: string }>(
      `SELECT ref FROM ledgerline_private.tenant_details WHERE strpos(${NAME_KEY}, lower($1 COLLATE "C")) > 0`,
      [text],
    );
    return rows.map(({ ref }) => ref);
  }

  /** Names by reference, without erased ones. */
  async names(refs: readonly string[]): Promise<Map<string, string>> {
    return new Map([...(await this.read(refs))].map(([ref, { name }]) => [ref, name]));
  }
}

const hashOf = ({
  salt,
  name,
  more,
}: {
  readonly salt: string;
  readonly name: string;
  readonly more: string;
}): string => sha256(more === '{}' ? `${salt}\n${name}` : `${salt}\n${name}\n${more}`);
