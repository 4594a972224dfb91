import type { Kysely } from 'kysely';
import { type AlertTerms, alertTerms } from '#domain/margin/alert-rule';
import type { TermsPeriod } from '#domain/terms/terms';
import type { Instant } from '#domain/time/instant';
import { at, isEffectiveAt } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { MarginAlertRow, RaisedAlertRow } from './margin-alerts.table.js';

type Db = Kysely<ReadModels>;

/** jsonb does not keep the order of fields. */
export const toRule = (row: MarginAlertRow): TermsPeriod<AlertTerms> => ({
  terms: alertTerms(row.terms),
  period: { start: row.effective_from, end: row.effective_until },
});

export const RULE_ORDER = keyset<MarginAlertRow>({ alert_id: 'text', effective_from: 'timestamptz' });

/** Rules in the order of their list. `effectiveAt`: in force at this instant. */
export async function readRulePage(
  db: Db,
  position: number,
  { alertId, effectiveAt }: { readonly alertId?: string | undefined; readonly effectiveAt?: Instant | undefined },
  { after, limit }: Rows,
): Promise<History<MarginAlertRow>[]> {
  let query = db.selectFrom('margin_alerts').selectAll().where(at(position)).where(RULE_ORDER.after(after));
  if (alertId !== undefined) query = query.where('alert_id', '=', alertId);
  if (effectiveAt !== undefined) query = query.where(isEffectiveAt(effectiveAt));
  return query.orderBy(RULE_ORDER.order()).limit(limit).execute();
}

/** All rules, in order of time. */
export const readRules = async (db: Db, position: number): Promise<History<MarginAlertRow>[]> =>
  db.selectFrom('margin_alerts').selectAll().where(at(position)).orderBy('effective_from').execute();

export const ALERT_ORDER = keyset<RaisedAlertRow>({ period: 'text', alert_id: 'text', id: 'uuid' });

/** Alerts in the order of their list: by period, rule and id. */
export async function readAlertPage(
  db: Db,
  position: number,
  { alertId, state }: { readonly alertId?: string | undefined; readonly state?: RaisedAlertRow['state'] | undefined },
  { after, limit }: Rows,
): Promise<History<RaisedAlertRow>[]> {
  let query = db.selectFrom('raised_alerts').selectAll().where(at(position)).where(ALERT_ORDER.after(after));
  if (alertId !== undefined) query = query.where('alert_id', '=', alertId);
  if (state !== undefined) query = query.where('state', '=', state);
  return query.orderBy(ALERT_ORDER.order()).limit(limit).execute();
}

/** The rules that have raised alerts, which are not cleared. */
export async function readRaisingRules(db: Db, position: number): Promise<string[]> {
  const rows = await db
    .selectFrom('raised_alerts')
    .select('alert_id')
    .distinct()
    .where(at(position))
    .where('state', '=', 'raised')
    .execute();
  return rows.map(({ alert_id }) => alert_id);
}
