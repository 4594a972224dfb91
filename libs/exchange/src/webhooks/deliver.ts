import { setTimeout as delay } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import type { Instant } from '#domain/time/instant';
import type { StoredEvent } from '#event-store/port';
import type { LedgerCore } from '#ledger/ledger-core';
import { repeatedly } from '#ledger/repeatedly';
import { readKeeper } from '#projections/margins/kept-costs.read';
import { readLowestAfter, readWebhooks } from '#projections/webhooks/webhooks.read';
import type { WebhookRow } from '#projections/webhooks/webhooks.table';
import type { Projected } from '#read-model/projection';
import type { History } from '#read-model/read-models';
import { concerns, type Message, messageOfHalt } from './message.js';
import { readMessages } from './messages.js';
import { type Cursor, type DueDelivery, type MostWaiting, Outbox } from './outbox.js';
import { WebhookSecrets } from './secrets.js';
import { send } from './send.js';

/** How often a worker looks for messages to send. */
const LOOK_MS = 500;
/** So many events are read at a time. */
const EVENTS = 500;
/** No more messages are prepared for an endpoint while so many wait. Those of stuck tenants may be more. */
const MOST_WAITING: MostWaiting = { moving: 100_000, all: 1_000_000 };
/** To one endpoint, so many messages of different tenants are sent at the same time. */
const AT_ONCE = 8;
/** How often old messages are forgotten. */
const TIDY_MS = 3_600_000;
const HOUR_S = 3600;
/** Seconds until the next attempt, after each that failed. Together three days. */
const BACKOFF_S = [5, 300, 1800, 2 * HOUR_S, 5 * HOUR_S, 10 * HOUR_S, 14 * HOUR_S, 16 * HOUR_S, 24 * HOUR_S];
/** A message that waited for three days behind others, or while no worker ran, outlasts a short failure too. */
const RETRIES_OF_OLD = 3;
/** The share of a delay that depends on the message, so that those that failed together are not tried together. */
const JITTER = 0.1;
/** The longest delay that an endpoint gets by its Retry-After. */
const LONGEST_S = 24 * HOUR_S;

export interface DeliverySettings {
  readonly now: () => Instant;
  /** Whether messages are sent to private networks. */
  readonly allowsPrivate: boolean;
  readonly report: (message: string) => void;
  /** Default: those of `BACKOFF_S`. */
  readonly backoffS?: readonly number[];
  /** Default: `MOST_WAITING`. */
  readonly mostWaiting?: MostWaiting;
}

/**
 * Sends messages to the registered endpoints until the signal aborts: each at least once, those of a tenant in the
 * order of the log. With several workers, one of them sends.
 */
export async function deliverWebhooks(
  core: LedgerCore,
  signal: AbortSignal,
  settings: DeliverySettings,
): Promise<void> {
  const { report } = settings;
  await repeatedly(signal, { name: 'webhooks', report, rest: () => LOOK_MS }, async () => {
    const giveBack = await core.takeFree([['webhooks']]);
    if (giveBack === null) return;
    try {
      await new Deliverer(core, signal, settings).run();
    } finally {
      await giveBack();
    }
  });
}

class Deliverer {
  private readonly outbox: Outbox;
  private readonly secrets: WebhookSecrets;
  /** The endpoints as they are now. */
  private current = new Map<string, History<WebhookRow>>();
  /** Endpoints that messages are being sent to. */
  private readonly busy = new Map<string, Promise<void>>();
  /** Endpoints whose cursor was compared with the log, since the read models were made. */
  private readonly compared = new Set<string>();
  private madeBy = '';
  private tidied = -TIDY_MS;
  private failure: unknown = null;
  private readonly token = randomUUID();

  constructor(
    private readonly core: LedgerCore,
    private readonly signal: AbortSignal,
    private readonly settings: DeliverySettings,
  ) {
    this.outbox = new Outbox(core.pool);
    this.secrets = new WebhookSecrets(core.pool);
  }

  /** Errors: those of the database and the log. Then it begins again. */
  async run(): Promise<void> {
    await this.outbox.claim(this.token);
    try {
      while (!this.isEnding() && (await this.outbox.isClaimedBy(this.token))) {
        await this.look();
        await delay(LOOK_MS, undefined, { signal: this.signal }).catch(() => undefined);
      }
    } finally {
      this.failure ??= new Error('another worker sends');
      await Promise.all(this.busy.values());
    }
  }

  private readonly isEnding = (): boolean => this.signal.aborted || this.failure !== null;

  /** Learns what endpoints there are, and begins with those that nothing is being sent to. */
  private async look(): Promise<void> {
    // Read models that were built anew may be of another log.
    const { madeBy } = await readKeeper(this.core.db);
    if (madeBy !== this.madeBy) this.compared.clear();
    this.madeBy = madeBy;
    const projected = await this.core.projector.projected();
    const all = await readWebhooks(this.core.db, projected.position);
    await this.tidy(all);
    this.current = new Map(all.map((row) => [row.webhook_id, row]));
    for (const { webhook_id: id, state } of all)
      if (state === 'active' && !this.busy.has(id)) this.begin(id, projected);
  }

  private begin(id: string, projected: Projected): void {
    const sending = this.sendAll(id, projected)
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => this.busy.delete(id));
    this.busy.set(id, sending);
  }

  /** The endpoint, as long as messages are to be sent to it. */
  private readonly active = (id: string): History<WebhookRow> | undefined => {
    const row = this.current.get(id);
    return row?.state === 'active' && !this.isEnding() ? row : undefined;
  };

  /** Each time the first message of every tenant whose turn it is, until nothing is due. */
  private async sendAll(id: string, projected: Projected): Promise<void> {
    for (let row = this.active(id); row !== undefined; row = this.active(id)) {
      await this.fill(row, projected);
      const due = await this.outbox.due(id, this.token);
      if (due.length === 0) return;
      await pMap(due, async (delivery) => this.attempt(delivery), { concurrency: AT_ONCE });
    }
  }

  private async tidy(all: readonly WebhookRow[]): Promise<void> {
    if (performance.now() - this.tidied < TIDY_MS) return;
    this.tidied = performance.now();
    await this.outbox.tidy(all.flatMap((row) => (row.state === 'removed' ? [row.webhook_id] : [])));
  }

  /** Prepares messages of events that the outbox does not have yet. */
  private async fill(webhook: History<WebhookRow>, { position: upTo, halt }: Projected): Promise<void> {
    const { webhook_id: id } = webhook;
    const { mostWaiting = MOST_WAITING } = this.settings;
    let cursor = await this.cursorOf(webhook);
    while (!this.isEnding() && cursor.position < upTo && !(await this.outbox.isFull(id, mostWaiting))) {
      const asked = { after: cursor.position, upTo, count: EVENTS, tenantId: webhook.tenant_id };
      const { messages, position } = await readMessages(this.core, asked);
      cursor = { ...cursor, position, event_id: await this.idAt(position) };
      await this.outbox.add(id, cursor, messages.filter(isFor(webhook)));
    }
    if (halt === null || cursor.position < upTo) return;
    const event = await this.eventAt(halt.position);
    const message = event === null ? null : messageOfHalt(event, halt);
    if (message !== null && isFor(webhook)(message)) await this.outbox.addHalt(id, cursor, message);
  }

  /**
   * Where to go on. A replay, or another log, begins a new round. Any other change of the endpoint hurries what waits:
   * the messages may be taken now.
   */
  private async cursorOf(webhook: History<WebhookRow>): Promise<Cursor> {
    const { webhook_id: id, replays, position_from: changed } = webhook;
    const known = await this.outbox.cursor(id);
    const isSameLog = known !== undefined && (await this.isOfThisLog(id, known));
    if (isSameLog && known.replays === replays) {
      if (known.changed === changed) return known;
      await this.outbox.hurry(id, Number.MAX_SAFE_INTEGER);
      await this.outbox.add(id, { ...known, changed }, []);
      return { ...known, changed };
    }
    const lowest = await readLowestAfter(this.core.db, id, { after: isSameLog ? known.replays : -1, upTo: replays });
    // A replay only adds: what was not prepared before it still is.
    const position = Math.min(lowest ?? webhook.after_position, isSameLog ? known.position : Infinity);
    await this.outbox.hurry(id, position);
    const round = known === undefined ? 0 : known.round + 1;
    const cursor = { round, replays, changed, position, event_id: await this.idAt(position) };
    await this.outbox.add(id, cursor, []);
    return cursor;
  }

  /** Whether the log is the one that messages were prepared from: compared once for the read models as they are. */
  private async isOfThisLog(id: string, known: Cursor): Promise<boolean> {
    if (this.compared.has(id)) return true;
    if ((await this.idAt(known.position)) === known.event_id) {
      this.compared.add(id);
      return true;
    }
    this.settings.report(
      `webhooks: the log was replaced: its event ${known.position} is not the one that was there when messages to` +
        ` ${id} were prepared. All messages since its registration are sent again.`,
    );
    return false;
  }

  private async idAt(position: number): Promise<string | null> {
    return (await this.eventAt(position))?.id ?? null;
  }

  private async eventAt(position: number): Promise<StoredEvent | null> {
    for await (const event of this.core.log.readAt([position])) return event;
    return null;
  }

  private async attempt(delivery: DueDelivery): Promise<void> {
    const { now, allowsPrivate, backoffS = BACKOFF_S } = this.settings;
    const webhook = this.active(delivery.webhook_id);
    if (webhook === undefined) return;
    const { message_id: id, body } = delivery;
    const headers = await this.secrets.headers(webhook, id, body, now());
    const answer = await send(webhook.url, { headers, body, allowsPrivate, signal: this.signal });
    // The next worker sends it.
    if (this.signal.aborted && answer.status === null) return;
    // Attempts before nothing was sent for a day tell nothing of the endpoint now.
    const attempts = delivery.was_left ? 0 : delivery.attempts;
    const wait = (delivery.is_old ? backoffS.slice(0, RETRIES_OF_OLD) : backoffS)[attempts];
    const state = answer.problem === null ? 'delivered' : wait === undefined ? 'parked' : 'waiting';
    await this.outbox.keep(delivery, {
      ...{ attempts: attempts + 1, state, status: answer.status, problem: answer.problem },
      retryAfterS:
        state === 'waiting' && wait !== undefined
          ? Math.min(LONGEST_S, Math.max(wait * (1 + JITTER * shareOf(id)), answer.retryAfterS ?? 0))
          : null,
    });
    if (state === 'parked')
      this.settings.report(
        `webhooks: message ${id} to ${webhook.webhook_id} was not taken for three days and is parked:` +
          ` ${answer.problem ?? ''}. Repair the endpoint, then run replay-webhook.`,
      );
  }
}

/** A number from 0 to 1 that an id gives. */
const shareOf = (id: string): number => Number.parseInt(id.slice(0, 4), 16) / 0xffff;

const isFor =
  ({ types, tenant_id: tenantId }: WebhookRow) =>
  (message: Message): boolean =>
    (types === null || types.some((type) => type === message.type)) && concerns(tenantId, message);
