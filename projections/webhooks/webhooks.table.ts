import type { MessageType } from '#domain/webhooks/message-type';
import type { WebhookState } from '#domain/webhooks/webhook';
import { bigint, int, jsonb, oneOf, text, timestamptz } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** HTTP endpoints that receive messages. A removed one stays, so that its id is not used again. */
export const webhooks = defineTable({
  name: 'webhooks',
  columns: {
    webhook_id: text,
    url: text,
    /** null: all types. */
    types: jsonb<readonly MessageType[]>().nullable(),
    /** null: messages of all tenants, and of none. */
    tenant_id: text.nullable(),
    state: oneOf<WebhookState>(),
    /** Why it is in this state; null: nothing was said. */
    reason: text.nullable(),
    /** Messages of events after this position are sent. */
    after_position: bigint,
    /** How often messages were asked for again. */
    replays: int,
    /** Counts its secrets, from 1. */
    secret_number: int,
    /** When the last secret took the place of the one before. */
    rotated_at: timestamptz.nullable(),
    registered_at: timestamptz,
  },
  key: ['webhook_id'],
});

export type WebhookRow = RowOf<typeof webhooks>;

declare module '#read-model/read-models' {
  interface ReadModels {
    webhooks: History<WebhookRow>;
  }
}
