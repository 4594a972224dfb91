import type { z } from 'zod';
import { commandEventsWith } from './commands/command.js';
import { costEventsWith } from './costs/cost.js';
import { inventoryEventsWith } from './inventory/resource.js';
import { creditEventsWith } from './invoices/credits.js';
import { invoiceEventsWith } from './invoices/invoice.js';
import { lineEventsWith } from './lines/line.js';
import { meteringEventsWith } from './metering/metering.js';
import { operationEventsWith } from './operations/skip.js';
import { planEventsWith } from './plans/plan.js';
import { rateEventsWith } from './rates/rate.js';
import { deploymentEventsWith } from './tenants/deployment.js';
import { tenantEventsWith } from './tenants/tenant.js';
import { type IdSchema, zId, zRecordedId } from './schema.js';
import type { Instant } from './time/instant.js';
import { usageEventsWith } from './usage/usage.js';

/**
 * Every event there is. Names and shapes are for ever: a changed shape is a new version with an upcaster (the codec), and
 * test/golden/events keeps a file of each shape ever written.
 */
const schemasWith = (id: IdSchema) => ({
  ...tenantEventsWith(id),
  ...deploymentEventsWith(id),
  ...inventoryEventsWith(id),
  ...meteringEventsWith(id),
  ...usageEventsWith(id),
  ...rateEventsWith(id),
  ...planEventsWith(id),
  ...lineEventsWith(id),
  ...invoiceEventsWith(id),
  ...creditEventsWith(id),
  ...costEventsWith(id),
  ...commandEventsWith(id),
  ...operationEventsWith(id),
});

/** The shapes of events that are written. */
export const eventSchemas = schemasWith(zId);
/** The shapes of events that are read from the log. */
export const recordedSchemas = schemasWith(zRecordedId);

export type EventType = keyof typeof eventSchemas;
export type EventData<Type extends EventType> = z.infer<(typeof eventSchemas)[Type]>;

/** A fact as a decision yields it. */
export type LedgerEvent = { [Type in EventType]: { readonly type: Type; readonly data: EventData<Type> } }[EventType];

/** Who caused an event, and by which command. */
export interface EventMetadata {
  readonly actor: string;
  /** When it happened in the world, where the command said so. */
  readonly occurredAt?: Instant;
  readonly command?: {
    readonly name: string;
    readonly key: string;
    readonly bodyHash: string;
    readonly idempotencyKey?: string;
    /** What the command answered: whoever asks again is told the same. */
    readonly result?: object;
  };
  readonly correlationId?: string;
  /** The request that it was recorded by, where it is part of something greater, which the correlation id names. */
  readonly requestId?: string;
  /** The trace that it was recorded in, for whoever projects it to go on with. */
  readonly traceparent?: string;
  /** The file that it was read from. */
  readonly source?: EventSource;
}

/** Where a fact stands in a file: its name without folders, the content's hash where it was known, and its rows, `4-9,12`, in the order of what the event holds. */
export interface EventSource {
  readonly file: string;
  readonly sha256?: string;
  readonly rows: string;
}

/** A fact as the log holds it. */
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
  };
}[Type];
