import type pg from 'pg';
import { HASH_BYTES } from './hash.js';
import { TILE_WIDTH, type Tiles } from './tree.js';

export const SCHEMA = 'ledgerline_audit';

/** Number of tiles read together: a caller that reads one mostly reads the next. */
const TILES_AT_ONCE = 32;
const MAX_CACHED = 512;

/** Reads the tiles stored in Postgres. Full tiles never change, and are cached in memory for some time. */
export class KeptTiles implements Tiles {
  private readonly full = new Map<string, Uint8Array>();

  constructor(private readonly pool: pg.Pool) {}

  async tile(level: number, n: number): Promise<Uint8Array> {
    const known = this.full.get(`${level}/${n}`);
    if (known !== undefined) return known;
    const { rows } = await this.pool.query<{ n: number; hashes: Buffer }>(
      `SELECT n, hashes FROM ${SCHEMA}.tiles WHERE level = $1 AND n >= $2 AND n < $3 ORDER BY n`,
      [level, n, n + TILES_AT_ONCE],
    );
    if (this.full.size > MAX_CACHED) this.full.clear();
    for (const row of rows)
      if (row.hashes.length === TILE_WIDTH * HASH_BYTES) this.full.set(`${level}/${row.n}`, row.hashes);
    return rows.find((row) => row.n === n)?.hashes ?? new Uint8Array();
  }
}

/** Number of leaves of the stored tree. 0 if there is none. */
export async function keptSize(pool: pg.Pool): Promise<number> {
  return (await isKept(pool)) ? sizeOf(pool) : 0;
}

export async function sizeOf(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ size: number }>(`SELECT size FROM ${SCHEMA}.tree`);
  return rows[0]?.size ?? 0;
}

export async function keptCheckpoints(pool: pg.Pool): Promise<readonly string[]> {
  if (!(await isKept(pool))) return [];
  const { rows } = await pool.query<{ note: string }>(`SELECT note FROM ${SCHEMA}.checkpoints ORDER BY size, made_at`);
  return rows.map(({ note }) => note);
}

/** A stored checkpoint, and the key that signed it if the program that stored it kept that. */
export interface StoredCheckpoint {
  readonly size: number;
  readonly note: string;
  readonly publicKey: string | null;
  readonly madeAt: string;
}

export async function storedCheckpoints(pool: pg.Pool): Promise<readonly StoredCheckpoint[]> {
  const { rows } = await pool.query<StoredCheckpoint>(
    `SELECT size, note, public_key AS "publicKey", made_at AS "madeAt" FROM ${SCHEMA}.checkpoints
     ORDER BY size, made_at`,
  );
  return rows;
}

async function isKept(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ kept: boolean }>(`SELECT to_regclass('${SCHEMA}.tree') IS NOT NULL AS kept`);
  return rows[0]?.kept === true;
}
