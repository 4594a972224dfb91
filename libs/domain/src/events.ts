import type { z } from 'zod';
import { budgetEventsWith } from './budgets/budget.js';
import { commandEventsWith } from './commands/command.js';
import { costEventsWith } from './costs/cost.js';
import { providerTotalEventsWith } from './costs/provider-total.js';
import { inventoryEventsWith } from './inventory/resource.js';
import { consolidatedEventsWith } from './invoices/consolidated.js';
import { creditEventsWith } from './invoices/credits.js';
import { invoiceEventsWith } from './invoices/invoice.js';
import { lineEventsWith } from './lines/line.js';
import { unbillableEventsWith } from './lines/unbillable.js';
import { kindMappingEventsWith } from './margin/kind-mapping.js';
import { alertEventsWith } from './margin/alert-rule.js';
import { costRateEventsWith } from './margin/cost-rate.js';
import { sharingEventsWith } from './margin/sharing-policy.js';
import { meteringEventsWith } from './metering/metering.js';
import { rebuildEventsWith } from './operations/rebuild.js';
import { operationEventsWith } from './operations/skip.js';
import { planEventsWith } from './plans/plan.js';
import { proposalEventsWith } from './proposals/proposal.js';
import { rateEventsWith } from './rates/rate.js';
import { paymentEventsWith } from './invoices/payment-events.js';
import { transferEventsWith } from './invoices/transfer-events.js';
import { deploymentEventsWith } from './tenants/deployment.js';
import { payerEventsWith } from './tenants/payer.js';
import { tenantEventsWith } from './tenants/tenant.js';
import { tokenEventsWith } from './tokens/token.js';
import { type IdSchema, zId, zRecordedId } from './schema.js';
import type { Instant } from './time/instant.js';
import { usageEventsWith } from './usage/usage.js';
import { bookEventsWith } from './books/period.js';
import { webhookEventsWith } from './webhooks/webhook.js';

/**
 * All events. Names and shapes are permanent: a changed shape is a new version with an upcaster (the codec), and
 * test/golden/events has a file of each shape ever written.
 */
const schemasWith = (id: IdSchema) => ({
  ...tenantEventsWith(id),
  ...payerEventsWith(id),
  ...deploymentEventsWith(id),
  ...inventoryEventsWith(id),
  ...meteringEventsWith(id),
  ...usageEventsWith(id),
  ...rateEventsWith(id),
  ...planEventsWith(id),
  ...lineEventsWith(id),
  ...unbillableEventsWith(id),
  ...invoiceEventsWith(id),
  ...consolidatedEventsWith(id),
  ...paymentEventsWith(id),
  ...transferEventsWith(id),
  ...creditEventsWith(id),
  ...costEventsWith(id),
  ...providerTotalEventsWith(id),
  ...sharingEventsWith(id),
  ...kindMappingEventsWith(id),
  ...budgetEventsWith(id),
  ...alertEventsWith(id),
  ...costRateEventsWith(id),
  ...commandEventsWith(id),
  ...operationEventsWith(id),
  ...rebuildEventsWith(id),
  ...tokenEventsWith(id),
  ...proposalEventsWith(id),
  ...webhookEventsWith(id),
  ...bookEventsWith(),
});

/** The shapes of events that are written. */
export const eventSchemas = schemasWith(zId);

export type EventType = keyof typeof eventSchemas;
export type EventData<Type extends EventType> = z.infer<(typeof eventSchemas)[Type]>;

let recordedSchemas: ReturnType<typeof schemasWith> | undefined;
/** The shape of an event that is read from the log. All are made for the first one: a command may read none. */
export const recordedSchema = (type: EventType): z.ZodType => (recordedSchemas ??= schemasWith(zRecordedId))[type];

/** An event as a decision returns it. */
export type LedgerEvent = { [Type in EventType]: { readonly type: Type; readonly data: EventData<Type> } }[EventType];

/** Who caused an event, and by which command. */
export interface EventMetadata {
  readonly actor: string;
  /** When it happened in the world, if the command says so. */
  readonly occurredAt?: Instant;
  readonly command?: {
    readonly name: string;
    readonly key: string;
    readonly bodyHash: string;
    readonly idempotencyKey?: string;
    /** The answer of the command. A repeated command gets the same answer. */
    readonly result?: object;
  };
  readonly correlationId?: string;
  /** The request that recorded the event, where the correlation id names a larger piece of work. */
  readonly requestId?: string;
  /** The trace in which the event was recorded. Projections continue it. */
  readonly traceparent?: string;
  /** The file that it was read from. */
  readonly source?: EventSource;
}

/**
 * The place of an event in a file: the file's name without folders, the hash of its content if known, and the row
 * numbers, `4-9,12`, in the order of the event's items.
 */
export interface EventSource {
  readonly file: string;
  readonly sha256?: string;
  readonly rows: string;
}

/** An event as the log holds it. */
export type RecordedEvent<Type extends EventType = EventType> = {
  readonly [Each in Type]: {
    readonly type: Each;
    readonly data: EventData<Each>;
    readonly id: string;
    readonly stream: string;
    readonly revision: number;
    readonly position: number;
    readonly recordedAt: Instant;
    readonly metadata: EventMetadata;
    /** The data as JSON, of an event that this process wrote a moment ago. */
    readonly written?: string;
  };
}[Type];

/** Whether an event is of one of the types that the schemas are for, such as those of one aggregate. */
export const isEventOf =
  <Type extends EventType>(schemas: Readonly<Record<Type, unknown>>) =>
  (event: RecordedEvent): event is Extract<RecordedEvent, { readonly type: Type }> =>
    event.type in schemas;
