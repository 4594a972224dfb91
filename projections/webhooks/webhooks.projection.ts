import type { RecordedEvent } from '#domain/events';
import type { WebhookEvent } from '#domain/webhooks/webhook';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { type WebhookRow, webhooks } from './webhooks.table.js';

type Later = Exclude<WebhookEvent['type'], 'WebhookRegistered'>;

/** Changes the endpoint that the event names. */
const changed = <Type extends Later>(change: (event: RecordedEvent<Type>, row: WebhookRow) => Partial<WebhookRow>) =>
  changing(
    webhooks,
    ({ data }: RecordedEvent<Type>) => [data.webhookId],
    (event, rows) => rows.map((row) => ({ ...row, ...change(event, row) })),
  );

export const webhooksProjection = versionedProjection('webhooks', {
  version: 1,
  tables: [webhooks],
  on: {
    WebhookRegistered: changing(
      webhooks,
      ({ data }) => [data.webhookId],
      ({ data, recordedAt }) => [
        {
          ...{ webhook_id: data.webhookId, url: data.url, types: data.types ?? null },
          ...{ tenant_id: data.tenantId, state: 'active' as const, reason: null, after_position: data.after },
          ...{ replays: 0, secret_number: 1, rotated_at: null, registered_at: recordedAt },
        },
      ],
    ),
    WebhookChanged: changed(({ data }) => ({ url: data.url, types: data.types ?? null })),
    WebhookSecretRotated: changed(({ recordedAt }, { secret_number: number }) => ({
      secret_number: number + 1,
      rotated_at: recordedAt,
    })),
    WebhookPaused: changed(({ data }) => ({ state: 'paused', reason: data.reason })),
    WebhookResumed: changed(({ data }) => ({ state: 'active', reason: data.reason })),
    WebhookReplayed: changed(({ data }, { replays }) => ({ after_position: data.after, replays: replays + 1 })),
    WebhookRemoved: changed(({ data }) => ({ state: 'removed', reason: data.reason })),
  },
});
