import { type Kysely, sql } from 'kysely';
import { anyOf } from '#read-model/any-of';
import type { Instant } from '#domain/time/instant';
import { type AsOf, at, isEffectiveAt } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { PlanVersionRow } from './plans.table.js';

/** The terms of plans, in the order of their start. `planIds`: null for all. */
export async function readPlanVersions(
  db: Kysely<ReadModels>,
  asOf: AsOf,
  planIds: readonly string[] | null,
): Promise<History<PlanVersionRow>[]> {
  const query = db.selectFrom('plan_versions').selectAll().where(at(asOf)).orderBy('effective_from');
  return (planIds === null ? query : query.where('plan_id', '=', anyOf(planIds))).execute();
}

export const PLAN_ORDER = keyset<PlanVersionRow>({ plan_id: 'text', effective_from: 'timestamptz' });

/**
 * The terms of plans that are in each of the sets, in force at an instant (undefined: at any time), in the order of
 * their list.
 */
export async function readPlanPage(
  db: Kysely<ReadModels>,
  position: number,
  of: {
    readonly ids: readonly (readonly string[])[];
    readonly at: Instant | undefined;
    /** Public terms, and all terms of these plans. null: all terms of all plans. */
    readonly visible: readonly string[] | null;
  },
  { after, limit }: Rows,
): Promise<History<PlanVersionRow>[]> {
  let query = db.selectFrom('plan_versions').selectAll().where(at(position)).where(PLAN_ORDER.after(after));
  for (const ids of of.ids) query = query.where('plan_id', '=', anyOf(ids));
  const { visible } = of;
  if (visible !== null)
    query = query.where((where) => where.or([isPublicStill, where('plan_id', '=', anyOf(visible))]));
  if (of.at !== undefined) query = query.where(isEffectiveAt(of.at));
  return query.orderBy(PLAN_ORDER.order()).limit(limit).execute();
}

/** Public then, and now: what was public by mistake is shown no more, also as of an earlier position. */
const isPublicStill = sql<boolean>`(
  is_public AND EXISTS (
    SELECT FROM plan_versions n
    WHERE n.plan_id = plan_versions.plan_id AND n.effective_from = plan_versions.effective_from
      AND n.position_to IS NULL AND n.is_public))`;

/** Whether a plan was ever published, at any position: `publicly`, so that every tenant sees it now. */
export async function isEverPublished(db: Kysely<ReadModels>, planId: string, publicly = false): Promise<boolean> {
  let query = db.selectFrom('plan_versions').select('plan_id').where('plan_id', '=', planId);
  if (publicly) query = query.where('is_public', '=', true).where('position_to', 'is', null);
  return (await query.executeTakeFirst()) !== undefined;
}
