import type { Kysely } from 'kysely';
import type { KindMapping } from '#domain/margin/kind-mapping';
import type { Instant } from '#domain/time/instant';
import { at, isEffectiveAt } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { KindMappingRow } from './kind-mappings.table.js';

type Db = Kysely<ReadModels>;

export const KIND_MAPPING_ORDER = keyset<KindMappingRow>({
  provider: 'text',
  kind: 'text',
  effective_from: 'timestamptz',
});

export const toMapping = (row: KindMappingRow): KindMapping => ({
  provider: row.provider,
  kind: row.kind,
  billingKinds: row.billing_kinds,
  period: { start: row.effective_from, end: row.effective_until },
});

/** Mappings in the order of their list. `effectiveAt`: in force at this instant. */
export async function readMappingPage(
  db: Db,
  position: number,
  of: {
    readonly provider?: string | undefined;
    readonly kind?: string | undefined;
    readonly effectiveAt?: Instant | undefined;
  },
  { after, limit }: Rows,
): Promise<History<KindMappingRow>[]> {
  let query = db.selectFrom('kind_mappings').selectAll().where(at(position)).where(KIND_MAPPING_ORDER.after(after));
  if (of.provider !== undefined) query = query.where('provider', '=', of.provider);
  if (of.kind !== undefined) query = query.where('kind', '=', of.kind);
  if (of.effectiveAt !== undefined) query = query.where(isEffectiveAt(of.effectiveAt));
  return query.orderBy(KIND_MAPPING_ORDER.order()).limit(limit).execute();
}

/** All mappings that are recorded. */
export const readKindMappings = async (db: Db, position: number): Promise<KindMapping[]> =>
  (await db.selectFrom('kind_mappings').selectAll().where(at(position)).orderBy('effective_from').execute()).map(
    toMapping,
  );
