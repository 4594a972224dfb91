import { z } from 'zod';
import { invalid } from '#domain/errors';
import { zId, zInstant, zText } from '#domain/schema';
import { tenantStream } from '#domain/tenants/tenant';
import { isBefore, type Instant } from '#domain/time/instant';
import { concerns, envelopeOf, type Message } from '#exchange/webhooks/message';
import {
  FEED_TYPES,
  isFeedType,
  MESSAGE_TYPES,
  MESSAGES_OF_MARGIN,
  MESSAGES_OF_NO_TENANT,
} from '#domain/webhooks/message-type';
import {
  changeWebhook,
  registerWebhook,
  unknownWebhook,
  type WebhookEvent,
  webhookStream,
  zMessageTypes,
} from '#domain/webhooks/webhook';
import { readMessages } from '#exchange/webhooks/messages';
import { DELIVERY_STATES, Outbox } from '#exchange/webhooks/outbox';
import { WebhookSecrets } from '#exchange/webhooks/secrets';
import { deliverable } from '#exchange/webhooks/send';
import type { CommandCall, CommandDone } from '#ledger/command';
import { defineCommand } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import {
  ADMIN,
  decodeCursor,
  defineQuery,
  invalidCursor,
  pageOf,
  pageOfRows,
  READERS,
  visibleTenant,
  zAfter,
  zAsOf,
  zLimit,
  zNow,
  zOptionalId,
  zPage,
  zWhole,
} from '#ledger/query';
import { tenantOf } from '#ledger/tenant';
import { readWebhook, readWebhookPage, WEBHOOK_ORDER } from '#projections/webhooks/webhooks.read';
import { listOf, zAny, zPosition, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';

const zWebhookId = zId.describe('The name of the endpoint');
const destination = {
  url: zText.min(1).describe('Where messages are sent, by POST: an https URL. The log keeps it: put no secret into it'),
  types: zMessageTypes.optional().describe('Only messages of these types. Default: of all'),
};
/** Where in the log messages begin. */
const beginning = {
  after: z.int().nonnegative().optional().describe('Messages of events after this log position'),
  since: zInstant.optional().describe('Messages of events recorded after this instant'),
};
const reason = zText.min(1);

/** What all commands about endpoints have in common: they change nothing of what is billed. */
const FOR_ADMIN = { roles: ADMIN, isPreviewed: false, fourEyes: 'nothing' } as const;

/** Errors: `invalid_input`, if both are given, or a position that the log does not have. */
async function beginningIn(
  core: LedgerCore,
  name: string,
  { after, since }: { after?: number | undefined; since?: Instant | undefined },
  now: Instant,
): Promise<number> {
  const refused = (field: string, message: string) =>
    invalid('invalid_input', `${name}: ${field} ${message}`, [{ field, message }]);
  if (after !== undefined && since !== undefined) throw refused('since', 'is given with after. Give one of them.');
  if (since !== undefined && isBefore(now, since)) throw refused('since', 'is in the future. Omit it to begin now.');
  if (since !== undefined) return core.log.positionAt(since);
  const head = await core.log.head();
  if (after !== undefined && after > head) throw refused('after', `is beyond the end of the log, which is ${head}`);
  return after ?? head;
}

const register = defineCommand({
  name: 'register-webhook',
  summary:
    'Registers an HTTP endpoint that receives messages about what happens in the ledger, signed as Standard Webhooks' +
    ' says. The query webhook-secret shows its secret',
  fields: z.strictObject({
    webhookId: zWebhookId,
    ...destination,
    tenantId: zId
      .optional()
      .describe('Only messages of this tenant. Default: of all tenants, and those that are about no tenant'),
    ...beginning,
  }),
  key: 'none',
  ...FOR_ADMIN,
  mistakes: { correctedBy: ['change-webhook', 'remove-webhook'] },
  example: { webhookId: 'books', url: 'https://books.example/ledgerline', types: ['invoice.issued'] },
  async handle(call, core) {
    const { webhookId, types, tenantId = null } = call.fields;
    const url = deliverable(call.name, call.fields.url);
    if (tenantId !== null && types?.every((type) => MESSAGES_OF_NO_TENANT.includes(type)) === true)
      throw invalid(
        'invalid_input',
        `${call.name}: types has no type of message that is about a tenant. Omit tenantId.`,
        [{ field: 'types', message: 'has no type of message that is about a tenant' }],
      );
    return core.book.decideOnReadModels(webhookStream(webhookId), call, async (position) => {
      if (tenantId !== null) tenantOf(await core.book.load(tenantStream(tenantId)), tenantId);
      const after = await beginningIn(core, call.name, call.fields, call.caller.now);
      const data = { webhookId, url, ...(types === undefined ? {} : { types }), tenantId, after };
      return { events: registerWebhook((await readWebhook(core.db, position, webhookId)) ?? null, data) };
    });
  },
});

/** Decides on an endpoint that was registered. */
const changed = async (
  call: CommandCall<{ readonly webhookId: string }>,
  core: LedgerCore,
  event: Exclude<WebhookEvent, { type: 'WebhookRegistered' }>,
): Promise<CommandDone> =>
  core.book.decideOnReadModels(webhookStream(call.fields.webhookId), call, async (position) => ({
    events: changeWebhook((await readWebhook(core.db, position, call.fields.webhookId)) ?? null, event),
  }));

const change = defineCommand({
  name: 'change-webhook',
  summary: 'Changes where an endpoint receives messages, and which. Both fields are stated as a whole',
  fields: z.strictObject({ webhookId: zWebhookId, ...destination, reason }),
  key: 'none',
  ...FOR_ADMIN,
  mistakes: { correctedBy: ['change-webhook'] },
  example: { webhookId: 'books', url: 'https://books.example/v2', reason: 'moved' },
  async handle(call, core) {
    const { types, ...fields } = call.fields;
    const data = { ...fields, url: deliverable(call.name, fields.url) };
    return changed(call, core, {
      type: 'WebhookChanged',
      data: { ...data, ...(types === undefined ? {} : { types }) },
    });
  },
});

const rotate = defineCommand({
  name: 'rotate-webhook-secret',
  summary:
    'Gives an endpoint a new secret. For a day, messages are also signed with the one before it.' +
    ' The same body again changes nothing: give another reason',
  fields: z.strictObject({ webhookId: zWebhookId, reason }),
  key: 'body',
  ...FOR_ADMIN,
  mistakes: { final: 'A secret is not taken back. Rotate it again.' },
  example: { webhookId: 'books', reason: 'yearly, 2026' },
  handle: async (call, core) => changed(call, core, { type: 'WebhookSecretRotated', data: call.fields }),
});

const pause = defineCommand({
  name: 'pause-webhook',
  summary: 'Stops sending messages to an endpoint. They wait, and resume-webhook sends them',
  fields: z.strictObject({ webhookId: zWebhookId, reason }),
  key: 'none',
  ...FOR_ADMIN,
  mistakes: { correctedBy: ['resume-webhook'] },
  example: { webhookId: 'books', reason: 'the receiver is repaired' },
  handle: async (call, core) => changed(call, core, { type: 'WebhookPaused', data: call.fields }),
});

const resume = defineCommand({
  name: 'resume-webhook',
  summary: 'Sends messages to an endpoint again that was paused, from the first one that waits',
  fields: z.strictObject({ webhookId: zWebhookId, reason }),
  key: 'none',
  ...FOR_ADMIN,
  mistakes: { correctedBy: ['pause-webhook'] },
  example: { webhookId: 'books', reason: 'the receiver is back' },
  handle: async (call, core) => changed(call, core, { type: 'WebhookResumed', data: call.fields }),
});

const replay = defineCommand({
  name: 'replay-webhook',
  summary: 'Sends messages again, with the same ids: those of all events after a moment, parked ones too',
  fields: z.strictObject({ webhookId: zWebhookId, ...beginning, reason }),
  key: 'none',
  ...FOR_ADMIN,
  mistakes: { final: 'What was sent is not taken back. Receivers know messages by their ids.' },
  example: { webhookId: 'books', after: 12, reason: 'the receiver lost a day' },
  async handle(call, core) {
    const { webhookId, since, after, reason: why } = call.fields;
    if (since === undefined && after === undefined)
      throw invalid('invalid_input', 'replay-webhook: after is missing. Give after or since.', [
        { field: 'after', message: 'is missing' },
      ]);
    const position = await beginningIn(core, call.name, call.fields, call.caller.now);
    return changed(call, core, { type: 'WebhookReplayed', data: { webhookId, after: position, reason: why } });
  },
});

const remove = defineCommand({
  name: 'remove-webhook',
  summary: 'Removes an endpoint for good. Messages that wait are not sent',
  fields: z.strictObject({ webhookId: zWebhookId, reason }),
  key: ({ webhookId }) => [webhookId],
  ...FOR_ADMIN,
  mistakes: { final: 'A removed endpoint stays removed. Register another one.' },
  example: { webhookId: 'old-books', reason: 'no longer used' },
  handle: async (call, core) => changed(call, core, { type: 'WebhookRemoved', data: call.fields }),
});

const zWebhook = z
  .object({
    webhookId: z.string(),
    url: z.string(),
    types: z.array(z.enum(MESSAGE_TYPES)).nullable().describe('null: all types'),
    tenantId: z.string().nullable().describe('null: messages of all tenants, and those about no tenant'),
    state: z.enum(['active', 'paused']),
    reason: z.string().nullable().describe('Why it was paused or resumed'),
    registeredAt: zTimestamp,
    secretRotatedAt: zTimestamp.nullable(),
  })
  .meta({ id: 'Webhook' });

const webhooks = defineQuery({
  name: 'webhooks',
  summary: 'The HTTP endpoints that receive messages',
  path: 'webhooks',
  params: zPage,
  roles: ADMIN,
  answer: listOf(zWebhook),
  example: {},
  async handle(page, { core, position }) {
    return pageOfRows({
      order: WEBHOOK_ORDER,
      page,
      position,
      read: async (rows) => readWebhookPage(core.db, position, rows),
      toItems: (rows) =>
        rows.map((row) => ({
          ...{ webhookId: row.webhook_id, url: row.url, types: row.types === null ? null : [...row.types] },
          ...{ tenantId: row.tenant_id, state: row.state === 'paused' ? ('paused' as const) : ('active' as const) },
          ...{ reason: row.reason, registeredAt: row.registered_at, secretRotatedAt: row.rotated_at },
        })),
    });
  },
});

const webhookSecret = defineQuery({
  name: 'webhook-secret',
  summary: 'The secret that messages to an endpoint are signed with. The log does not hold it',
  path: 'webhooks/:webhookId/secret',
  onPrimary: true,
  params: zNow.extend({ webhookId: zId }),
  roles: ADMIN,
  answer: z.object({ webhookId: z.string(), secret: z.string().describe('whsec_…') }).meta({ id: 'WebhookSecret' }),
  example: { webhookId: 'books' },
  async handle({ webhookId }, { core, position }) {
    const row = await readWebhook(core.db, position, webhookId);
    if (row === undefined || row.state === 'removed') throw unknownWebhook(webhookId);
    return { webhookId, secret: await new WebhookSecrets(core.pool).current(row) };
  },
});

const zDelivery = z
  .object({
    messageId: z.string(),
    type: z.enum(MESSAGE_TYPES),
    tenantId: z.string().nullable(),
    position: zPosition,
    state: z.enum(DELIVERY_STATES).describe('waiting · delivered · parked: not taken for three days'),
    attempts: z.int(),
    lastAttemptAt: zTimestamp.nullable(),
    nextAttemptAt: zTimestamp.nullable().describe('null: there is none'),
    responseStatus: z.int().nullable().describe('The HTTP status of the last answer'),
    problem: z.string().nullable().describe('Why the last attempt failed'),
  })
  .meta({ id: 'WebhookDelivery' });

const DELIVERIES = 100;

export const webhookDeliveries = defineQuery({
  name: 'webhook-deliveries',
  summary: 'The messages to an endpoint and what came of them, the latest first. Delivered ones are kept for 30 days',
  path: 'webhooks/:webhookId/deliveries',
  onPrimary: true,
  params: zNow.extend({
    webhookId: zId,
    state: z.enum(DELIVERY_STATES).optional(),
    limit: zLimit(DELIVERIES),
    cursor: z.string().optional(),
  }),
  roles: ADMIN,
  answer: listOf(zDelivery),
  example: { webhookId: 'books' },
  async handle({ webhookId, state, limit, cursor }, { core, position }) {
    if ((await readWebhook(core.db, position, webhookId)) === undefined) throw unknownWebhook(webhookId);
    const before = cursor === undefined ? null : decodeCursor(cursor).after;
    if (before !== null && !(before.length === 3 && before.every((each) => /^-?\d{1,15}$/.test(each))))
      throw invalidCursor();
    const rows = await new Outbox(core.pool).page(webhookId, { state, before, limit: limit + 1 });
    return pageOf(
      rows,
      limit,
      position,
      (row) => [row.round, row.position, row.n].map(String),
      (row) => ({
        ...{ messageId: row.message_id, type: row.type, tenantId: row.tenant_id, position: row.position },
        ...{ state: row.state, attempts: row.attempts, lastAttemptAt: row.last_at },
        nextAttemptAt: row.state === 'waiting' ? row.next_at : null,
        ...{ responseStatus: row.response_status, problem: row.problem },
      }),
    );
  },
});

const zFeedMessage = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string().describe('The same whenever and however the message is read'),
    source: z.string(),
    type: z.enum(FEED_TYPES),
    subject: z.string().describe('What it is about, such as the id of an invoice'),
    time: zTimestamp.describe('When the event was recorded'),
    timestamp: zTimestamp.describe('The same'),
    tenantid: z.string().optional().describe('Absent: it is about no tenant'),
    position: zPosition,
    datacontenttype: z.literal('application/json'),
    data: zAny,
  })
  .meta({ id: 'FeedMessage', description: 'A message, as CloudEvents 1.0 has it' });

/** A page has the messages of so many events by default. */
const FEED_EVENTS = 100;
const MOST_FEED_EVENTS = 1000;
const LONGEST_WAIT_S = 30;

export const feed = defineQuery({
  name: 'feed',
  summary:
    'What happened after a log position, as the messages that endpoints receive, for a program that would rather' +
    ' pull.' +
    ' Ask again with the position of the answer. With wait, the answer comes when there is something new',
  path: 'events/feed',
  isLongPoll: true,
  params: zAsOf.extend({
    after: zAfter,
    wait: zWhole({ min: 0, max: LONGEST_WAIT_S, message: `must be seconds from 0 to ${LONGEST_WAIT_S}` })
      .default(0)
      .describe('Over REST: how long the read waits, in seconds, while the log has nothing after the position'),
    type: z.enum(FEED_TYPES, 'must be a type of message in the feed, such as invoice.issued').optional(),
    tenantId: zOptionalId,
    limit: zWhole({ min: 1, max: MOST_FEED_EVENTS, message: `must be a number from 1 to ${MOST_FEED_EVENTS}` })
      .default(FEED_EVENTS)
      .describe('The most events that it answers about; an event may have several messages'),
  }),
  roles: READERS,
  cost: 5,
  answer: z
    .object({
      items: z.array(zFeedMessage),
      position: zPosition.describe('No message up to this position is missing: ask again after it'),
    })
    .meta({ id: 'Feed' }),
  example: { after: 0 },
  async handle({ after, type, tenantId: asked, limit }, context) {
    const { core, position: upTo, caller } = context;
    const hidden = caller.role === 'platform_admin' ? [] : MESSAGES_OF_MARGIN;
    const tenantId = await visibleTenant(context, asked);
    if (after > upTo && after > (await core.log.head()))
      throw invalid('position_ahead', 'feed: after is beyond the end of the log. Use the position of an answer.', [
        { field: 'after', message: 'is beyond the end of the log' },
      ]);
    if (after >= upTo) return { items: [], position: after };
    const { messages, position } = await readMessages(core, { after, upTo, count: limit, tenantId });
    const wanted = messages.filter(
      (message) =>
        (type === undefined || message.type === type) && !hidden.includes(message.type) && concerns(tenantId, message),
    );
    return { items: wanted.flatMap(shown), position };
  },
});

const shown = (message: Message) =>
  isFeedType(message.type) ? [{ ...envelopeOf(message), type: message.type, data: { ...message.data } }] : [];

export const webhookOperations: Operations = {
  commands: [register, change, rotate, pause, resume, replay, remove],
  queries: [webhooks, webhookSecret, webhookDeliveries, feed],
};
