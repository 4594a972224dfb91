import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type pg from 'pg';

/**
 * Personal details of tenants, in a separate table. Events hold a reference and a salted hash: erasing a row erases the
 * details, and every hash in the log stays valid.
 */
export class TenantDetails {
  constructor(private readonly pool: pg.Pool) {}

  async migrate(): Promise<void> {
    await this.pool.query(
      "SELECT pg_advisory_xact_lock(hashtext('ledgerline:private')); CREATE SCHEMA IF NOT EXISTS ledgerline_private;" +
        ' CREATE TABLE IF NOT EXISTS ledgerline_private.tenant_details' +
        ' (ref uuid PRIMARY KEY, tenant_id text NOT NULL, name text NOT NULL, salt text NOT NULL);' +
        ' CREATE UNIQUE INDEX IF NOT EXISTS tenant_details_once' +
        ' ON ledgerline_private.tenant_details (tenant_id, md5(name))',
    );
  }

  /**
   * Stores details. The same details of the same tenant have the same reference and hash. Neither can be computed from
   * the details, so nobody can confirm a guessed name.
   */
  async keep(tenantId: string, name: string): Promise<{ detailsRef: string; detailsHash: string }> {
    // An existing row does not change: the update only makes it return its values.
    const { rows } = await this.pool.query<{ ref: string; salt: string }>(
      'INSERT INTO ledgerline_private.tenant_details AS kept VALUES ($1, $2, $3, $4)' +
        ' ON CONFLICT (tenant_id, md5(name)) DO UPDATE SET ref = kept.ref RETURNING ref, salt',
      [randomUUID(), tenantId, name, randomBytes(16).toString('hex')],
    );
    const [kept] = rows;
    if (kept === undefined) throw new Error(`the details of tenant ${tenantId} were not stored`);
    return { detailsRef: kept.ref, detailsHash: createHash('sha256').update(`${kept.salt}\n${name}`).digest('hex') };
  }

  /** Names by reference, without erased ones. */
  async names(refs: readonly string[]): Promise<Map<string, string>> {
    const { rows } = await this.pool.query<{ ref: string; name: string }>(
      'SELECT ref, name FROM ledgerline_private.tenant_details WHERE ref = ANY($1)',
      [refs],
    );
    return new Map(rows.map(({ ref, name }) => [ref, name]));
  }
}
