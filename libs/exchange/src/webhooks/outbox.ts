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
  /** The messages of a lane are sent in their order: a tenant's, or '' for those of none. */
  readonly lane: string;
  readonly body: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly next_at: Instant;
  readonly last_at: Instant | null;
  /** null: there was no answer yet. */
  readonly response_status: number | null;
  readonly problem: string | null;
}

/** A message whose turn it is. */
export interface DueDelivery extends Delivery {
  /** It has waited for all its time. */
  readonly is_old: boolean;
  /** It was to be sent a day ago: no worker ran. */
  readonly was_left: boolean;
}

/** Up to where the messages of an endpoint are in the outbox. */
export interface Cursor {
  readonly round: number;
  readonly replays: number;
  /** The position of the last change of the endpoint that the messages that wait were hurried for. */
  readonly changed: number;
  readonly position: number;
  /** Of the event at the position; null at the start of the log. Another one there: it is another log. */
  readonly event_id: string | null;
}

/** Delivered messages are kept so long. */
const KEPT = '30 days';
/** A message is tried for so long from when it was prepared or hurried. */
const TRIED = '3 days';
const DELIVERIES = 'ledgerline_webhooks.deliveries';
const CURSORS = 'ledgerline_webhooks.cursors';
const SENDER = 'ledgerline_webhooks.sender';

/** No more messages of an endpoint are prepared while so many wait. */
export interface MostWaiting {
  /** Of tenants (or none) whose first message was not tried yet: they are being sent. */
  readonly moving: number;
  readonly all: number;
}

/** The places of messages about halts are between these, of one in earlier versions: -1. */
const [BEFORE_HALTS, AFTER_HALTS] = [-1_000_000, -1];

const ADDED = 'webhook_id, round, position, n, message_id, type, tenant_id, lane, body';
const ADDED_OF_RECORD = 'r.position, r.n, r.message_id, r.type, r.tenant_id, r.lane, r.body';
const RECORD = 'position bigint, n int, message_id uuid, type text, tenant_id text, lane text, body text';

const rowOf = (message: Message) => ({
  ...{ position: message.position, message_id: message.id, type: message.type, tenant_id: message.tenantId },
  lane: message.tenantId ?? '',
  body: JSON.stringify(envelopeOf(message)),
});

/** SQL: the first waiting message of each lane of the endpoint $1, with a column. */
function heads(column: 'attempts' | 'next_at'): string {
  const first =
    `SELECT lane, round, position, n, ${column} FROM ${DELIVERIES}` + " WHERE webhook_id = $1 AND state = 'waiting'";
  const inOrder = 'ORDER BY lane, round, position, n LIMIT 1';
  return (
    `WITH RECURSIVE heads AS ((${first} ${inOrder}) UNION ALL` +
    ` SELECT d.* FROM heads h CROSS JOIN LATERAL (${first} AND lane > h.lane ${inOrder}) d)`
  );
}

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
        ` ALTER TABLE ${CURSORS} ADD COLUMN IF NOT EXISTS changed bigint NOT NULL DEFAULT 0;` +
        ` CREATE TABLE IF NOT EXISTS ${DELIVERIES} (webhook_id text NOT NULL, round int NOT NULL,` +
        ' position bigint NOT NULL, n int NOT NULL, message_id uuid NOT NULL, type text NOT NULL, tenant_id text,' +
        ' lane text COLLATE "C" NOT NULL, prepared_at timestamptz NOT NULL DEFAULT now(),' +
        " body text NOT NULL, state text NOT NULL DEFAULT 'waiting', attempts int NOT NULL DEFAULT 0," +
        ' next_at timestamptz NOT NULL DEFAULT now(), last_at timestamptz, response_status int, problem text,' +
        ' PRIMARY KEY (webhook_id, round, position, n));' +
        ` CREATE INDEX IF NOT EXISTS deliveries_waiting ON ${DELIVERIES}` +
        " (webhook_id, lane, round, position, n) WHERE state = 'waiting';" +
        ` CREATE INDEX IF NOT EXISTS deliveries_delivered ON ${DELIVERIES} (last_at) WHERE state = 'delivered';` +
        ` CREATE TABLE IF NOT EXISTS ${SENDER} (token uuid NOT NULL,` +
        ' is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only))',
    );
  }

  async cursor(webhookId: string): Promise<Cursor | undefined> {
    const { rows } = await this.pool.query<Cursor>(
      `SELECT round, replays, changed, position, event_id FROM ${CURSORS} WHERE webhook_id = $1`,
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
      return { ...rowOf(message), n };
    });
    await this.pool.query(
      `WITH added AS (INSERT INTO ${DELIVERIES} (${ADDED})` +
        ` SELECT $1, $2, ${ADDED_OF_RECORD} FROM jsonb_to_recordset($7::jsonb) AS r(${RECORD})` +
        ' ON CONFLICT DO NOTHING)' +
        ` INSERT INTO ${CURSORS} (webhook_id, round, replays, changed, position, event_id)` +
        ' VALUES ($1, $2, $3, $4, $5, $6)' +
        ' ON CONFLICT (webhook_id) DO UPDATE SET round = excluded.round, replays = excluded.replays,' +
        ' changed = excluded.changed, position = excluded.position, event_id = excluded.event_id',
      [
        ...[webhookId, cursor.round, cursor.replays, cursor.changed, cursor.position, cursor.event_id],
        JSON.stringify(rows),
      ],
    );
  }

  /**
   * Adds a message about a halt, once. Its place is before the messages that follow from the event once it is
   * projected, and after those about earlier halts at the event.
   */
  async addHalt(webhookId: string, { round }: Cursor, message: Message): Promise<void> {
    await this.pool.query(
      `INSERT INTO ${DELIVERIES} (${ADDED})` +
        ` SELECT $1, $2, ${ADDED_OF_RECORD} FROM (` +
        `  SELECT r.*, coalesce((SELECT max(n) FROM ${DELIVERIES}` +
        '   WHERE webhook_id = $1 AND round = $2 AND position = r.position AND n < $5), $4) + 1 AS n' +
        `  FROM jsonb_to_recordset($3::jsonb) AS r(${RECORD.replace(', n int', '')})) r` +
        ` WHERE NOT EXISTS (SELECT FROM ${DELIVERIES}` +
        '  WHERE webhook_id = $1 AND round = $2 AND position = r.position AND message_id = r.message_id)' +
        ' ON CONFLICT DO NOTHING',
      [webhookId, round, JSON.stringify([rowOf(message)]), BEFORE_HALTS, AFTER_HALTS],
    );
  }

  /** Makes this process the one that sends: what another one still sends, it does not keep. */
  async claim(token: string): Promise<void> {
    await this.pool.query(
      `INSERT INTO ${SENDER} (token) VALUES ($1) ON CONFLICT (is_only) DO UPDATE SET token = excluded.token`,
      [token],
    );
  }

  /** Whether no other process has claimed it since. */
  async isClaimedBy(token: string): Promise<boolean> {
    const { rows } = await this.pool.query(`SELECT FROM ${SENDER} WHERE token = $1`, [token]);
    return rows.length > 0;
  }

  /**
   * Whether enough messages of the endpoint wait. Those behind one that is tried again count only up to a limit of
   * their own: a tenant whose messages are not taken does not keep those of others from being prepared.
   */
  async isFull(webhookId: string, { moving, all }: MostWaiting): Promise<boolean> {
    if (!(await this.hasWaiting(webhookId, moving))) return false;
    if (await this.hasWaiting(webhookId, all)) return true;
    const { rows } = await this.pool.query(
      `${heads('attempts')} SELECT FROM heads h CROSS JOIN LATERAL (SELECT FROM ${DELIVERIES}` +
        " WHERE webhook_id = $1 AND state = 'waiting' AND lane = h.lane LIMIT $2) d" +
        ' WHERE h.attempts = 0 OFFSET $2 - 1 LIMIT 1',
      [webhookId, moving],
    );
    return rows.length > 0;
  }

  /** Whether so many messages of the endpoint wait. */
  private async hasWaiting(webhookId: string, count: number): Promise<boolean> {
    const { rows } = await this.pool.query(
      `SELECT FROM ${DELIVERIES} WHERE webhook_id = $1 AND state = 'waiting' OFFSET $2 LIMIT 1`,
      [webhookId, count - 1],
    );
    return rows.length > 0;
  }

  /**
   * What waits is sent now, and has all its time again. Messages of events after `position` are dropped: they are
   * prepared again.
   */
  async hurry(webhookId: string, position: number): Promise<void> {
    await this.pool.query(
      `WITH dropped AS (DELETE FROM ${DELIVERIES} WHERE webhook_id = $1 AND state = 'waiting' AND position > $2)` +
        ` UPDATE ${DELIVERIES} SET next_at = now(), prepared_at = now(), attempts = 0` +
        " WHERE webhook_id = $1 AND state = 'waiting' AND position <= $2",
      [webhookId, position],
    );
  }

  /** The first waiting message of each lane, if it is time to send it; of some lanes. */
  async due(webhookId: string, token: string): Promise<DueDelivery[]> {
    const { rows } = await this.pool.query<DueDelivery>(
      `${heads('next_at')} SELECT d.*, d.prepared_at < now() - interval '${TRIED}' AS is_old,` +
        " d.next_at < now() - interval '1 day' AS was_left" +
        ` FROM heads h JOIN ${DELIVERIES} d USING (round, position, n)` +
        ` WHERE d.webhook_id = $1 AND h.next_at <= now() AND EXISTS (SELECT FROM ${SENDER} WHERE token = $2)` +
        ' ORDER BY round, position, n LIMIT 100',
      [webhookId, token],
    );
    return rows;
  }

  /** Keeps what came of an attempt, unless another process did. `retryAfterS`: when it is tried again; null: never. */
  async keep(
    { webhook_id, round, position, n, attempts: before }: Delivery,
    attempt: {
      readonly attempts: number;
      readonly state: DeliveryState;
      readonly status: number | null;
      readonly problem: string | null;
      readonly retryAfterS: number | null;
    },
  ): Promise<void> {
    await this.pool.query(
      `UPDATE ${DELIVERIES} SET state = $5, attempts = $10, last_at = now(), response_status = $6,` +
        ' problem = $7, next_at = coalesce(now() + make_interval(secs => $8), next_at)' +
        " WHERE webhook_id = $1 AND round = $2 AND position = $3 AND n = $4 AND state = 'waiting' AND attempts = $9",
      [
        ...[webhook_id, round, position, n, attempt.state, attempt.status, attempt.problem, attempt.retryAfterS],
        ...[before, attempt.attempts],
      ],
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
