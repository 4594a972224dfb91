import type pg from 'pg';
import type { Instant } from '#domain/time/instant';
import { envelopeOf, type Message } from './message.js';
import type { MessageType } from '#domain/webhooks/message-type';

/** `waiting`: it is sent when its turn comes · `delivered` · `parked`: it was tried for three days. */
export const DELIVERY_STATES = ['waiting', 'delivered', 'parked'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** A message for one endpoint, and what came of it. */
export interface Delivery {
  readonly webhook_id: string;
  /** Counts how often the messages of the endpoint were asked for, from 0. */
  readonly round: number;
  readonly position: number;
  /** Its place among the messages of the event. */
  readonly n: number;
  readonly message_id: string;
  readonly type: MessageType;
  readonly tenant_id: string | null;
  readonly body: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly next_at: Instant;
  readonly last_at: Instant | null;
  /** null: there was no answer yet. */
  readonly response_status: number | null;
  readonly problem: string | null;
}

/** Up to where the messages of an endpoint are in the outbox. */
export interface Cursor {
  readonly round: number;
  readonly replays: number;
  readonly position: number;
  /** Of the event at the position; null at the start of the log. Another one there: it is another log. */
  readonly event_id: string | null;
}

/** Delivered messages are kept so long. */
const KEPT = '30 days';
const DELIVERIES = 'ledgerline_webhooks.deliveries';
const CURSORS = 'ledgerline_webhooks.cursors';

/**
 * The messages to send, and what came of those that were sent. It is no fact of the ledger: without it, endpoints get
 * their messages again from where they were registered, with the same ids. So it is kept beside the log.
 */
export class Outbox {
  constructor(private readonly pool: pg.Pool) {}

  async migrate(): Promise<void> {
    await this.pool.query(
      "SELECT pg_advisory_xact_lock(hashtext('ledgerline:webhooks'));" +
        ' CREATE SCHEMA IF NOT EXISTS ledgerline_webhooks;' +
        ` CREATE TABLE IF NOT EXISTS ${CURSORS} (webhook_id text PRIMARY KEY, round int NOT NULL,` +
        ' replays int NOT NULL, position bigint NOT NULL, event_id uuid);' +
        ` CREATE TABLE IF NOT EXISTS ${DELIVERIES} (webhook_id text NOT NULL, round int NOT NULL,` +
        ' position bigint NOT NULL, n int NOT NULL, message_id uuid NOT NULL, type text NOT NULL, tenant_id text,' +
        " body text NOT NULL, state text NOT NULL DEFAULT 'waiting', attempts int NOT NULL DEFAULT 0," +
        ' next_at timestamptz NOT NULL DEFAULT now(), last_at timestamptz, response_status int, problem text,' +
        ' PRIMARY KEY (webhook_id, round, position, n));' +
        ` CREATE INDEX IF NOT EXISTS deliveries_waiting ON ${DELIVERIES}` +
        " (webhook_id, tenant_id, round, position, n) WHERE state = 'waiting'",
    );
  }

  async cursor(webhookId: string): Promise<Cursor | undefined> {
    const { rows } = await this.pool.query<Cursor>(
      `SELECT round, replays, position, event_id FROM ${CURSORS} WHERE webhook_id = $1`,
      [webhookId],
    );
    return rows[0];
  }

  /** Adds messages, in their order, and moves the cursor: both or neither. */
  async add(webhookId: string, cursor: Cursor, messages: readonly Message[]): Promise<void> {
    let [position, n] = [-1, 0];
    const rows = messages.map((message) => {
      n = message.position === position ? n + 1 : 0;
      ({ position } = message);
      return {
        ...{ position, n, message_id: message.id, type: message.type, tenant_id: message.tenantId },
        body: JSON.stringify(envelopeOf(message)),
      };
    });
    await this.pool.query(
      `WITH added AS (INSERT INTO ${DELIVERIES} (webhook_id, round, position, n, message_id, type, tenant_id, body)` +
        ' SELECT $1, $2, r.* FROM jsonb_to_recordset($6::jsonb)' +
        ' AS r(position bigint, n int, message_id uuid, type text, tenant_id text, body text)' +
        ' ON CONFLICT DO NOTHING)' +
        ` INSERT INTO ${CURSORS} (webhook_id, round, replays, position, event_id) VALUES ($1, $2, $3, $4, $5)` +
        ' ON CONFLICT (webhook_id) DO UPDATE SET round = excluded.round, replays = excluded.replays,' +
        ' position = excluded.position, event_id = excluded.event_id',
      [webhookId, cursor.round, cursor.replays, cursor.position, cursor.event_id, JSON.stringify(rows)],
    );
  }

  /** How many messages of the endpoint wait. */
  async waiting(webhookId: string): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${DELIVERIES} WHERE webhook_id = $1 AND state = 'waiting'`,
      [webhookId],
    );
    return rows[0]?.count ?? 0;
  }

  /** The first waiting message of each tenant (and of none), if it is time to send it. */
  async due(webhookId: string): Promise<Delivery[]> {
    const { rows } = await this.pool.query<Delivery>(
      `SELECT * FROM (SELECT DISTINCT ON (tenant_id) * FROM ${DELIVERIES}` +
        " WHERE webhook_id = $1 AND state = 'waiting' ORDER BY tenant_id, round, position, n) first" +
        ' WHERE next_at <= now() ORDER BY round, position, n',
      [webhookId],
    );
    return rows;
  }

  /** Keeps what came of an attempt. `retryAfterS`: when it is tried again; null: it is not. */
  async keep(
    { webhook_id, round, position, n }: Delivery,
    attempt: {
      readonly state: DeliveryState;
      readonly status: number | null;
      readonly problem: string | null;
      readonly retryAfterS: number | null;
    },
  ): Promise<void> {
    await this.pool.query(
      `UPDATE ${DELIVERIES} SET state = $5, attempts = attempts + 1, last_at = now(), response_status = $6,` +
        ' problem = $7, next_at = coalesce(now() + make_interval(secs => $8), next_at)' +
        ' WHERE webhook_id = $1 AND round = $2 AND position = $3 AND n = $4',
      [webhook_id, round, position, n, attempt.state, attempt.status, attempt.problem, attempt.retryAfterS],
    );
  }

  /** Forgets the messages of endpoints that were removed, and old ones that were delivered. */
  async tidy(removed: readonly string[]): Promise<void> {
    await this.pool.query(
      `DELETE FROM ${DELIVERIES} WHERE webhook_id = ANY($1::text[])` +
        ` OR (state = 'delivered' AND last_at < now() - interval '${KEPT}')`,
      [removed],
    );
  }

  /** Messages of an endpoint, the latest first. `before`: only those before this one. */
  async page(
    webhookId: string,
    of: {
      readonly state?: DeliveryState | undefined;
      readonly before: readonly string[] | null;
      readonly limit: number;
    },
  ): Promise<Delivery[]> {
    const [round = null, position = null, n = null] = of.before ?? [];
    const { rows } = await this.pool.query<Delivery>(
      `SELECT * FROM ${DELIVERIES} WHERE webhook_id = $1 AND ($2::text IS NULL OR state = $2)` +
        ' AND ($3::int IS NULL OR (round, position, n) < ($3::int, $4::bigint, $5::int))' +
        ' ORDER BY round DESC, position DESC, n DESC LIMIT $6',
      [webhookId, of.state ?? null, round, position, n, of.limit],
    );
    return rows;
  }
}
