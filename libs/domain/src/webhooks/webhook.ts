import { z } from 'zod';
import { conflict, type DomainError, notFound } from '../errors.js';
import { type EventOf, type IdSchema, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import { MESSAGE_TYPES, type MessageType } from './message-type.js';

/** An HTTP endpoint that receives messages about what happens in the ledger. */
export const webhookStream = (webhookId: string): string => streamName('webhook', [webhookId]);

const zMessageType = z.enum(MESSAGE_TYPES, 'must be a type of message, such as invoice.issued');
export const zMessageTypes = z
  .array(zMessageType)
  .min(1)
  .refine((types) => new Set(types).size === types.length, 'has a type twice');

/** What an endpoint receives, and where. `types` absent: messages of all types. */
const destination = { url: zText.min(1), types: z.array(z.enum(MESSAGE_TYPES)).min(1).optional() };

// Stored permanently. The secret is not: it is derived from a key that only the database has.
export const webhookEventsWith = (zId: IdSchema) => ({
  /** `tenantId` null: messages of all tenants, and of none. `after`: messages of events after this position. */
  WebhookRegistered: z.object({
    webhookId: zId,
    ...destination,
    tenantId: zId.nullable(),
    after: z.int().nonnegative(),
  }),
  /** The destination as a whole, from here on. */
  WebhookChanged: z.object({ webhookId: zId, ...destination, reason: zText }),
  /** Messages are signed with the next secret, and for a day with the one before it too. */
  WebhookSecretRotated: z.object({ webhookId: zId, reason: zText }),
  WebhookPaused: z.object({ webhookId: zId, reason: zText }),
  WebhookResumed: z.object({ webhookId: zId, reason: zText }),
  /** Messages of events after this position are sent again, with their ids. */
  WebhookReplayed: z.object({ webhookId: zId, after: z.int().nonnegative(), reason: zText }),
  WebhookRemoved: z.object({ webhookId: zId, reason: zText }),
});
export type WebhookEvent = EventOf<typeof webhookEventsWith>;

/** `active`: messages are sent · `paused`: they wait · `removed`: there are none any more. */
export type WebhookState = 'active' | 'paused' | 'removed';

export interface Webhook {
  readonly url: string;
  /** null: messages of all types. */
  readonly types: readonly MessageType[] | null;
  readonly state: WebhookState;
}

/** What can happen to an endpoint that was registered. */
type Later = Exclude<WebhookEvent, { type: 'WebhookRegistered' }>;

function evolve({ url, types, state }: Webhook, { type, data }: Later): Webhook {
  switch (type) {
    case 'WebhookChanged':
      return { url: data.url, types: data.types ?? null, state };
    case 'WebhookPaused':
      return { url, types, state: 'paused' };
    case 'WebhookResumed':
      return { url, types, state: 'active' };
    case 'WebhookRemoved':
      return { url, types, state: 'removed' };
    case 'WebhookSecretRotated':
    case 'WebhookReplayed':
      return { url, types, state };
  }
}

/** Nothing, if it is registered so already. Errors: `webhook_exists`, `webhook_removed`. */
export function registerWebhook(
  webhook: (Webhook & { readonly tenant_id: string | null }) | null,
  data: Extract<WebhookEvent, { type: 'WebhookRegistered' }>['data'],
): WebhookEvent[] {
  if (webhook === null) return [{ type: 'WebhookRegistered', data }];
  if (webhook.state === 'removed') throw removed(data.webhookId);
  const { url, types, tenant_id: tenantId } = webhook;
  const isSame =
    JSON.stringify([url, types, tenantId]) === JSON.stringify([data.url, data.types ?? null, data.tenantId]);
  if (isSame) return [];
  throw conflict(
    'webhook_exists',
    `webhook ${data.webhookId} is registered already. Use change-webhook, or another id.`,
  );
}

const removed = (webhookId: string): DomainError =>
  conflict('webhook_removed', `webhook ${webhookId} was removed. Register another one.`);

/** The event, or none where it changes nothing. Errors: `unknown_webhook`, `webhook_removed`. */
export function changeWebhook(webhook: Webhook | null, event: Later): WebhookEvent[] {
  const { webhookId } = event.data;
  if (webhook === null) throw unknownWebhook(webhookId);
  if (webhook.state === 'removed') {
    if (event.type === 'WebhookRemoved') return [];
    throw removed(webhookId);
  }
  const isAlways = event.type === 'WebhookSecretRotated' || event.type === 'WebhookReplayed';
  const { url, types, state } = webhook;
  const isSame = JSON.stringify({ url, types, state }) === JSON.stringify(evolve(webhook, event));
  return isSame && !isAlways ? [] : [event];
}

export const unknownWebhook = (webhookId: string): DomainError =>
  notFound('unknown_webhook', `webhook ${webhookId} is not registered. The query webhooks lists all of them.`);
