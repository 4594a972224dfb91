import { decimal, text } from '#domain/money/decimal';
import type { QueryContext } from '../query.js';
import { eventsOf, type Reference, reference } from './evidence.js';
import { byInvoice, rowsOfReadings, type UsedIn } from './used-in.js';

export interface ExplainedUsage {
  readonly is: 'usage record';
  readonly versions: readonly {
    readonly deploymentId: string;
    readonly billingKind: string;
    readonly resourceId: string;
    readonly period: { readonly start: string; readonly end: string };
    readonly quantity: string;
    readonly origin: string;
    readonly isInForce: boolean;
    /** The event that gave it this quantity; and the one that took it back, where one did. */
    readonly event: Reference | null;
    readonly until: Reference | null;
  }[];
  readonly usedIn: readonly UsedIn[];
}

interface Version {
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly resource_id: string;
  readonly period_start: string;
  readonly period_end: string;
  readonly quantity: string;
  readonly origin: string;
  readonly position_from: number;
  readonly position_to: number | null;
}

/** `usage:<deployment>/<billing kind>/<resource>/<period start>`, each part encoded as in a URL. */
const USAGE = /^usage:([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)$/;

/** A usage record with every version that it had; null where the id is of another form, or there is none. */
export async function explainUsage(context: QueryContext, id: string): Promise<ExplainedUsage | null> {
  const parts = USAGE.exec(id)?.slice(1).map(decodeURIComponent);
  if (parts === undefined || Number.isNaN(Date.parse(parts[3] ?? ''))) return null;
  const { core, position } = context;
  const { rows } = await core.pool.query<Version>(
    `SELECT * FROM usage_records WHERE deployment_id = $2 AND billing_kind = $3 AND resource_id = $4 AND period_start = $5::timestamptz AND position_from <= $1 ORDER BY position_from`,
    [position, ...parts],
  );
  const [first] = rows;
  if (first === undefined) return null;
  const events = new Map((await eventsOf(core.log, position, rows.flatMap((row) => [row.position_from, ...(row.position_to === null ? [] : [row.position_to])]), [])).map((event) => [event.position, reference(event)]));
  const readings = [{ billingKind: first.billing_kind, period: { start: first.period_start } }];
  return {
    is: 'usage record',
    versions: rows.map((row) => ({
      deploymentId: row.deployment_id,
      billingKind: row.billing_kind,
      resourceId: row.resource_id,
      period: { start: row.period_start, end: row.period_end },
      quantity: text(decimal(row.quantity)),
      origin: row.origin,
      isInForce: row.position_to === null || row.position_to > position,
      event: events.get(row.position_from) ?? null,
      until: row.position_to === null ? null : (events.get(row.position_to) ?? null),
    })),
    usedIn: byInvoice(await rowsOfReadings(context, first.position_from, first.deployment_id, readings)),
  };
}
