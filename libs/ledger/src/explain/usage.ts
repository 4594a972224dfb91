import { decimal, text } from '#domain/money/decimal';
import { zInstant } from '#domain/schema';
import { monthOf } from '#domain/time/period';
import { asJsonb, type RecordVersion, recordVersions, within, withPruned } from '../pruned-usage.js';
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

/** `usage:<deployment>/<billing kind>/<resource>/<period start>`, each part encoded as in a URL. */
const USAGE = /^usage:([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)$/;

/** A usage record with every version that it had; null where the id is of another form, or there is none. */
export async function explainUsage(context: QueryContext, id: string): Promise<ExplainedUsage | null> {
  const [deploymentId, billingKind, resourceId, start] = (USAGE.exec(id)?.slice(1) ?? []).map(decodeURIComponent);
  const at = zInstant.safeParse(start);
  if (deploymentId === undefined || billingKind === undefined || resourceId === undefined || !at.success) return null;
  const { core, position } = context;
  const stretch = { deploymentId, billingKind, ...monthOf(at.data) };
  const { rows } = await withPruned(core, [stretch], async (pruned) =>
    core.pool.query<RecordVersion>(
      `SELECT * FROM ${recordVersions('deployment_id = $2 AND billing_kind = $3 AND resource_id = $4 AND period_start = $5::timestamptz AND position_from <= $1', '$6')} u ORDER BY position_from`,
      [position, deploymentId, billingKind, resourceId, at.data, asJsonb(within(pruned, stretch))],
    ),
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
