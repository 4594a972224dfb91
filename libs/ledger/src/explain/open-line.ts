import type { Instant } from '#domain/time/instant';
import { allLines, couponsOfLines } from '../billing.js';
import type { QueryContext } from '../query.js';
import { printRated, rateLines } from '../rated-lines.js';
import { eventsOf, readingsOf, type Reference, reference, streamsOfRow } from './evidence.js';

export interface ExplainedOpenLine {
  readonly is: 'open line';
  readonly lineId: string;
  readonly tenantId: string;
  readonly billingKind: string;
  readonly period: { readonly start: string; readonly end: string };
  readonly quarantine: string | null;
  readonly parts: readonly { readonly partId: string; readonly period: { readonly start: string; readonly end: string }; readonly quantity: string; readonly rows: ReturnType<typeof printRated> }[];
  readonly usage: { readonly quantity: string; readonly readings: number };
  readonly events: readonly Reference[];
}

/** A line that no invoice has issued yet, as it rates up to `at`; null where there is none of this id. */
export async function explainOpenLine({ core, position }: QueryContext, id: string, at: Instant): Promise<ExplainedOpenLine | null> {
  const line = (await allLines(core, position, at)).find(({ lineId }) => lineId === id);
  if (line === undefined) return null;
  const [rated] = await rateLines(core, position, [line], new Map(), at, ({ currency }) => currency, await couponsOfLines(core, position, [line.tenantId]));
  const { deploymentId, billingKind, period, filter } = line;
  const readings = await readingsOf(core, position, { deploymentId, billingKind, since: period.start, until: period.end, filter });
  const streams = line.segments.flatMap(({ planId }) => streamsOfRow({ planId, deploymentId, lineId: id, ref: '' }, readings.keys));
  const events = await eventsOf(core.log, position, readings.positions, streams);
  return {
    is: 'open line',
    lineId: id,
    tenantId: line.tenantId,
    billingKind,
    period,
    quarantine: rated?.quarantined?.message ?? null,
    parts: (rated?.parts ?? []).map(({ partId, period: of, quantity, rows }) => ({ partId, period: of, quantity, rows: printRated(rows, line.currency) })),
    usage: { quantity: readings.quantity, readings: readings.count },
    events: events.map(reference),
  };
}
