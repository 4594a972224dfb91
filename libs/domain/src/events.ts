import type { z } from 'zod';
import { commandEvents } from './commands/command.js';
import { costEvents } from './costs/cost.js';
import { inventoryEvents } from './inventory/resource.js';
import { creditEvents } from './invoices/credits.js';
import { invoiceEvents } from './invoices/invoice.js';
import { lineEvents } from './lines/line.js';
import { meteringEvents } from './metering/metering.js';
import { operationEvents } from './operations/skip.js';
import { planEvents } from './plans/plan.js';
import { rateEvents } from './rates/rate.js';
import { deploymentEvents } from './tenants/deployment.js';
import { tenantEvents } from './tenants/tenant.js';
import type { Instant } from './time/instant.js';
import { usageEvents } from './usage/usage.js';

/**
 * Every event there is. Names and shapes are for ever: a changed shape is a new version with an upcaster (the codec), and
 * test/golden/events keeps a file of each shape ever written.
 */
export const eventSchemas = {
  ...tenantEvents,
  ...deploymentEvents,
  ...inventoryEvents,
  ...meteringEvents,
  ...usageEvents,
  ...rateEvents,
  ...planEvents,
  ...lineEvents,
  ...invoiceEvents,
  ...creditEvents,
  ...costEvents,
  ...commandEvents,
  ...operationEvents,
};

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
export type RecordedEvent<Type extends EventType = EventType> = Extract<LedgerEvent, { type: Type }> & {
  readonly id: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  readonly recordedAt: Instant;
  readonly metadata: EventMetadata;
};
