import { notFound } from '#domain/errors';
import type { FrozenRow } from '#domain/invoices/invoice';
import { documentNumber } from '#domain/invoices/invoice';
import { costEvents } from '#domain/costs/cost';
import { lineStream } from '#domain/lines/line';
import { decimal, text } from '#domain/money/decimal';
import { planStream } from '#domain/plans/plan';
import { rateKeyText, rateStream } from '#domain/rates/rate';
import { deploymentStream } from '#domain/tenants/deployment';
import type { RateKey } from '#domain/usage/usage';
import { zId, zText } from '#domain/schema';
import type { Caller } from '../caller.js';
import type { EventLog, StoredEvent } from '#event-store/port';
import { z } from 'zod';
import { linesOfTenant, tenantAccount } from '../billing.js';
import { isUuid } from '../invoicing.js';
import { inForceAt } from '../ledger-core.js';
import { projectionsStatus } from '../projections-status.js';
import { printFrozen } from '../rated-lines.js';
import { ADMIN, decodeCursor, defineQuery, invalidCursor, pageOf, type QueryContext, STAFF, zAfter, zAsOf, zLimit, zOptionalId } from '../query.js';

const DEFAULT_EVENTS = 100;

const eventsQuery = defineQuery({
  name: 'events',
  summary: 'The log itself: events of a stream, or all, after a position',
  params: zAsOf.extend({
    stream: zText.optional(),
    after: zAfter,
    type: zOptionalId,
    limit: zLimit(DEFAULT_EVENTS),
    cursor: z.string().optional(),
  }),
  roles: ['platform_admin', 'auditor', 'operator'],
  async answer({ stream, after, type, limit, cursor }, { core, position, caller }) {
    const range = { after: cursor === undefined ? after : cursorOf(cursor), upTo: position };
    const events = await firstOf(eventsIn(core.log, range, { stream, type, count: limit + 1 }), limit + 1);
    const shown = (event: StoredEvent) => ({ ...reference(event), data: maySee(caller, event.type) ? (JSON.parse(event.data) as unknown) : null });
    return pageOf(events, limit, position, (event) => [String(event.position)], shown);
  },
});

function cursorOf(cursor: string): number {
  const [position = ''] = decodeCursor(cursor).after;
  if (!/^\d{1,15}$/.test(position)) throw invalidCursor();
  return Number(position);
}

/** The log's events after a position and up to another, in order; of all that there are, `count` is enough. */
async function* eventsIn(
  log: EventLog,
  { after, upTo }: { after: number; upTo: number },
  { stream, type, count }: { stream: string | undefined; type: string | undefined; count: number },
): AsyncIterable<StoredEvent> {
  // Positions are dense: without a condition, the next events are those at the next positions.
  const next = Array.from({ length: Math.max(0, Math.min(count, upTo - after)) }, (_, index) => after + 1 + index);
  const events = stream !== undefined ? log.read(stream) : type !== undefined ? log.readAll(after, { types: [type] }) : log.readAt(next);
  for await (const event of events) {
    if (event.position > upTo) return;
    if (event.position > after && (type === undefined || event.type === type)) yield event;
  }
}

async function firstOf(events: AsyncIterable<StoredEvent>, count: number): Promise<StoredEvent[]> {
  const first: StoredEvent[] = [];
  for await (const event of events) if (first.push(event) === count) break;
  return first;
}

/** Cost is for who may see margin: others see that there was such an event, and not what it says. */
const maySee = ({ role }: Caller, type: string): boolean => ADMIN.includes(role) || !Object.hasOwn(costEvents, type);

/** An event as evidence: where it stands, when it was recorded, by whom. */
function reference(event: StoredEvent) {
  const { actor, occurredAt, command } = JSON.parse(event.metadata) as { actor: string; occurredAt?: string; command?: { name: string } };
  return {
    position: event.position,
    stream: event.stream,
    revision: event.revision,
    eventId: event.id,
    type: event.type,
    recordedAt: event.recordedAt,
    actor,
    occurredAt: occurredAt ?? null,
    command: command?.name ?? null,
  };
}

const explainQuery = defineQuery({
  name: 'explain',
  summary: 'An invoice, line, part or row, down to the events that it rests on',
  params: zAsOf.extend({ id: zId }),
  roles: ['platform_admin', 'auditor', 'operator'],
  async answer({ id }, context) {
    const rows = isUuid(id) ? await rowsFor(context, id) : [];
    if (rows.length === 0) throw notFound('nothing_to_explain', `there is no issued invoice, line, part or row ${id}`);
    return { id, rows: await Promise.all(rows.map((row) => explainRow(context, row))) };
  },
});

type IssuedRow = { readonly invoice_id: string; readonly ordinal: number | null; readonly computed_at: number; readonly tenant_id: string; readonly row: FrozenRow };

async function rowsFor({ core, position }: QueryContext, id: string): Promise<IssuedRow[]> {
  const { rows } = await core.pool.query<IssuedRow>(
    `SELECT i.invoice_id, i.ordinal, i.computed_at, i.tenant_id, r.row FROM invoices i JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
     WHERE $1::uuid IN (i.invoice_id, r.line_id, r.part_id, r.row_id) AND i.position_from <= $2 AND (i.position_to IS NULL OR i.position_to > $2) ORDER BY i.ordinal, r.n`,
    [id, position],
  );
  return rows;
}

/** A row: its arithmetic, the terms and readings that gave it, and their events. */
async function explainRow(context: QueryContext, { invoice_id, ordinal, computed_at, tenant_id, row }: IssuedRow) {
  const { core } = context;
  const account = await tenantAccount(core, computed_at, tenant_id);
  const line = (await linesOfTenant(core, computed_at, account, row.chargePeriod.end)).find(({ lineId }) => lineId === row.lineId);
  const since = line?.period.start ?? row.chargePeriod.start;
  const { rows: usage } = await core.pool.query<{ quantity: string; readings: number; positions: number[] | null; keys: (RateKey | null)[] | null }>(
    `SELECT coalesce(sum(quantity), 0)::text AS quantity, count(*)::int AS readings, array_agg(DISTINCT position_from) AS positions,
       jsonb_agg(DISTINCT jsonb_build_object('resourceType', resource_type, 'resourceFamily', resource_family, 'location', location)) FILTER (WHERE resource_type IS NOT NULL) AS keys
     FROM usage_records
     WHERE deployment_id = $1 AND billing_kind = $2 AND period_start >= $3 AND period_start < $4 AND position_from <= $5 AND (position_to IS NULL OR position_to > $5)`,
    [row.deploymentId, row.billingKind, since, row.chargePeriod.end, computed_at],
  );
  const positions = usage[0]?.positions ?? [];
  // A rate-card row names its key; other rows rest on no rate.
  const keys = (usage[0]?.keys ?? []).filter((key) => key !== null && row.ref.startsWith(`${rateKeyText(key)}@`)) as RateKey[];
  const streams = [planStream(row.planId), deploymentStream(row.deploymentId), lineStream(row.lineId), ...keys.map(rateStream)];
  const events = await evidence(core.log, computed_at, positions, streams);
  const segment = line?.segments.find(({ planId }) => planId === row.planId);
  const shown = { ...row, ...printFrozen(row, account.currency) };
  return {
    invoiceId: invoice_id,
    number: ordinal === null ? null : documentNumber('INV', ordinal),
    computedAt: computed_at,
    row: shown,
    arithmetic: `${shown.quantity} × ${shown.unitAmount} = ${shown.gross}; ${shown.gross} − ${shown.discount} − ${shown.credit} = ${shown.net}`,
    price: { planId: row.planId, effectiveFrom: row.planEffectiveFrom, terms: segment?.terms ?? null },
    usage: { since, until: row.chargePeriod.end, quantity: text(decimal(usage[0]?.quantity ?? '0')), readings: usage[0]?.readings ?? 0 },
    events: events.map(reference),
  };
}

/** The events at these positions and those of these streams, up to a position, each once, in order. */
async function evidence(log: EventLog, upTo: number, positions: readonly number[], streams: readonly string[]): Promise<StoredEvent[]> {
  const found = new Map<number, StoredEvent>();
  for (const events of [log.readAt(positions), ...streams.map((stream) => log.read(stream))]) {
    for await (const event of events) if (event.position <= upTo) found.set(event.position, event);
  }
  return [...found.values()].sort((a, b) => a.position - b.position);
}

const projectionsQuery = defineQuery({
  name: 'projections',
  summary: 'Each projection with its version, position, the log\'s head, and its lag in events and seconds; what is being rebuilt, and what is kept',
  params: zAsOf,
  roles: STAFF,
  withoutCatchUp: true,
  answer: async (_params, { core, caller }) => projectionsStatus(core, caller.now),
});

const meteredDaysQuery = defineQuery({
  name: 'metered-days',
  summary: 'Which days were metered, with the number of records and what was skipped',
  params: zAsOf,
  roles: STAFF,
  async answer(_params, { core, position }) {
    const rows = await core.db.selectFrom('metered_days').selectAll().where(inForceAt(position)).orderBy('date').execute();
    return { items: rows.map((row) => ({ date: row.date, recordCount: row.record_count, skipped: row.skipped })), nextCursor: null };
  },
});

export const auditQueries = [eventsQuery, explainQuery, projectionsQuery, meteredDaysQuery];
