import { randomBytes, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { sha256 } from './command.js';

/** No id of a tenant is empty. */
const OF_SELLER = '';

/** A text that events refer to. The hash is salted, so that nobody can confirm a guessed text. */
export interface KeptText {
  readonly ref: string;
  readonly hash: string;
}

/** A row with the reference of a bank. */
interface Referring {
  readonly reference: string | null;
  readonly reference_ref: string | null;
}

/** SQL: nobody else changes the private schema meanwhile, and it is there. */
export const IN_PRIVATE_SCHEMA =
  "SELECT pg_advisory_xact_lock(hashtext('ledgerline:private')); CREATE SCHEMA IF NOT EXISTS ledgerline_private;";

/**
 * Texts that may be about persons, in a separate table: what banks say of payments, and the seller. Events hold a
 * reference and a salted hash. Erasing a row erases the text, and every hash in the log stays valid.
 */
export class PrivateTexts {
  constructor(private readonly pool: pg.Pool) {}

  async migrate(): Promise<void> {
    await this.pool.query(
      `${IN_PRIVATE_SCHEMA} CREATE TABLE IF NOT EXISTS ledgerline_private.texts` +
        ' (ref uuid PRIMARY KEY, tenant_id text NOT NULL, text text NOT NULL, salt text NOT NULL);' +
        ' CREATE UNIQUE INDEX IF NOT EXISTS texts_each' +
        ' ON ledgerline_private.texts (tenant_id, md5(text))',
    );
  }

  /** Stores a text of a tenant (null: of the seller). The same text of the same tenant has the same reference. */
  async keep(tenantId: string | null, text: string): Promise<KeptText> {
    // An existing row does not change: the update only makes it return its values.
    const { rows } = await this.pool.query<{ ref: string; salt: string }>(
      'INSERT INTO ledgerline_private.texts AS kept (ref, tenant_id, text, salt) VALUES ($1, $2, $3, $4)' +
        ' ON CONFLICT (tenant_id, md5(text)) DO UPDATE SET ref = kept.ref RETURNING ref, salt',
      [randomUUID(), tenantId ?? OF_SELLER, text, randomBytes(16).toString('hex')],
    );
    const [kept] = rows;
    if (kept === undefined) throw new Error(`a text of ${tenantId ?? 'the seller'} was not stored`);
    return { ref: kept.ref, hash: hashOf(kept.salt, text) };
  }

  /** Texts by reference, without erased ones. */
  async read(refs: readonly string[]): Promise<Map<string, string>> {
    return new Map([...(await this.hashed(refs))].map(([ref, { text }]) => [ref, text]));
  }

  /** What is said of rows: in the row itself (of earlier events), or as it is kept. null: nothing, or it was erased. */
  async referencesOf(rows: readonly Referring[]): Promise<(row: Referring) => string | null> {
    const texts = await this.read(rows.flatMap(({ reference_ref: ref }) => ref ?? []));
    return (row) => row.reference ?? texts.get(row.reference_ref ?? '') ?? null;
  }

  /** Texts by reference, without erased ones, and what they hash to now: the event's hash if nobody changed them. */
  async hashed(refs: readonly string[]): Promise<Map<string, { readonly text: string; readonly hash: string }>> {
    if (refs.length === 0) return new Map();
    const { rows } = await this.pool.query<{ ref: string; text: string; salt: string }>(
      'SELECT ref, text, salt FROM ledgerline_private.texts WHERE ref = ANY($1)',
      [refs],
    );
    return new Map(rows.map(({ ref, text, salt }) => [ref, { text, hash: hashOf(salt, text) }]));
  }
}

const hashOf = (salt: string, text: string): string => sha256(`${salt}\n${text}`);
