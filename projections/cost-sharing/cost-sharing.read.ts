import type { Kysely } from 'kysely';
import { compareText } from '#domain/compare-text';
import { type SharingPolicy, termsOf } from '#domain/margin/sharing-policy';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { at, isEffectiveAt, type Positions } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { CostSharingRow } from './cost-sharing.table.js';

type Db = Kysely<ReadModels>;

export const SHARING_ORDER = keyset<CostSharingRow>({ policy_id: 'text', effective_from: 'timestamptz' });

export const toPolicy = (row: CostSharingRow): SharingPolicy => ({
  policyId: row.policy_id,
  period: { start: row.effective_from, end: row.effective_until },
  ...termsOf({
    costs: row.costs,
    method: row.method,
    billingKind: row.billing_kind ?? undefined,
    capacity: row.capacity ?? undefined,
    weights: row.weights ?? undefined,
  }),
});

/** Policies in the order of their list. `effectiveAt`: in force at this instant. */
export async function readSharingPage(
  db: Db,
  position: number,
  { policyId, effectiveAt }: { readonly policyId?: string | undefined; readonly effectiveAt?: Instant | undefined },
  { after, limit }: Rows,
): Promise<History<CostSharingRow>[]> {
  let query = db.selectFrom('cost_sharing').selectAll().where(at(position)).where(SHARING_ORDER.after(after));
  if (policyId !== undefined) query = query.where('policy_id', '=', policyId);
  if (effectiveAt !== undefined) query = query.where(isEffectiveAt(effectiveAt));
  return query.orderBy(SHARING_ORDER.order()).limit(limit).execute();
}

/** All policies, in the order in which they are asked for a cost. */
export const readAllSharing = async (db: Db, position: number): Promise<SharingPolicy[]> =>
  inOrder(await db.selectFrom('cost_sharing').selectAll().where(at(position)).orderBy('effective_from').execute()).map(
    toPolicy,
  );

/** By their ids, as they are compared everywhere; those of one policy as they were read. */
const inOrder = <Row extends CostSharingRow>(rows: readonly Row[]): Row[] =>
  [...rows].sort((a, b) => compareText(a.policy_id, b.policy_id));

/** The policies in force at some time of a period, in the order in which they are asked for a cost. */
export async function readSharingPolicies(
  db: Db,
  position: number,
  { start, end }: Period,
): Promise<(SharingPolicy & { readonly position: number })[]> {
  const rows = await db
    .selectFrom('cost_sharing')
    .selectAll()
    .where(at(position))
    .where('effective_from', '<', end)
    .where((eb) => eb.or([eb('effective_until', 'is', null), eb('effective_until', '>', start)]))
    .orderBy('effective_from')
    .execute();
  return inOrder(rows).map((row) => ({ ...toPolicy(row), position: row.position_from }));
}

/** A policy as it was in force at some position between two, and the positions at which it changed. */
export interface SharingThen extends SharingPolicy {
  readonly positions: readonly number[];
}

/** Every version of a policy that was in force at one of these positions. */
export async function readSharingOver(db: Db, positions: Positions): Promise<SharingThen[]> {
  const rows = await db.selectFrom('cost_sharing').selectAll().where(at(positions)).execute();
  return rows.map((row) => ({
    ...toPolicy(row),
    positions: [row.position_from, row.position_to].flatMap((each) =>
      each !== null && each >= positions.first && each <= positions.last ? [each] : [],
    ),
  }));
}
