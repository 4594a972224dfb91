import { z } from 'zod';
import { derivedId } from '../derived-id.js';
import { type EventOf, type IdSchema, zDecimal, zId, zInstant, zPeriod, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import type { Instant } from '../time/instant.js';

/** What can't be billed of a tenant, as the worker found it. */
export const unbillableStream = (tenantId: string): string => streamName('unbillable', [tenantId]);

/** `usage`: no line covers it · `line`: it can't be rated. */
const UNBILLABLE = ['usage', 'line'] as const;

const subjectWith = (zId: IdSchema) => ({
  /** Derived from what it is about: found again, it has the same id. */
  id: z.uuid(),
  what: z.enum(UNBILLABLE),
  tenantId: zId,
  deploymentId: zId,
  billingKind: zId,
  /** null: it is usage without a line. */
  lineId: z.uuid().nullable(),
  /** A code, such as `no_subscription` or `missing_rate`. */
  reason: z.string(),
  /** The log position that it was found as of, and the instant. */
  computedAt: z.number().int().nonnegative(),
  at: zInstant,
});

// Stored permanently.
export const unbillableEventsWith = (zId: IdSchema) => ({
  UnbillableFound: z.object({
    ...subjectWith(zId),
    /** Of the line, or from the start of the first reading to the end of the last. */
    period: zPeriod,
    /** For people. null: the reason says it. */
    message: zText.nullable(),
    /** Of the usage. null: it is a line. */
    readings: z.number().int().positive().nullable(),
    quantity: zDecimal.nullable(),
  }),
  UnbillableEnded: z.object({
    ...subjectWith(zId),
    /** The position of the event that found it. */
    foundAt: z.number().int().positive(),
  }),
});
export const unbillableEvents = unbillableEventsWith(zId);
export type UnbillableEvent = EventOf<typeof unbillableEventsWith>;

type FoundData = Extract<UnbillableEvent, { type: 'UnbillableFound' }>['data'];
/** What can't be billed now. */
export type Unbillable = Omit<FoundData, 'id' | 'computedAt' | 'at'>;

const idOf = ({ what, tenantId, deploymentId, billingKind, lineId, reason }: Unbillable): string =>
  derivedId('unbillable', what, tenantId, deploymentId, billingKind, lineId ?? '', reason);

type Recorded = UnbillableEvent & { readonly position: number };
type RecordedFound = Extract<Recorded, { type: 'UnbillableFound' }>;

/** What was found and has not ended, by id. */
export function openUnbillable(events: Iterable<Recorded>): ReadonlyMap<string, RecordedFound> {
  const open = new Map<string, RecordedFound>();
  for (const event of events)
    if (event.type === 'UnbillableFound') open.set(event.data.id, event);
    else open.delete(event.data.id);
  return open;
}

/**
 * What a tenant has now that was not found before, and what ended, as of a position. An evaluation as of an earlier
 * position than the last recorded one changes nothing.
 */
export function decideUnbillable(
  events: readonly Recorded[],
  now: readonly Unbillable[],
  asOf: { readonly computedAt: number; readonly at: Instant },
): UnbillableEvent[] {
  if ((events.at(-1)?.data.computedAt ?? 0) > asOf.computedAt) return [];
  const open = openUnbillable(events);
  const found = new Map(now.map((each) => [idOf(each), each]));
  return [
    ...[...open.values()]
      .filter(({ data: { id } }) => !found.has(id))
      .map(({ position, data }): UnbillableEvent => {
        const { period: _period, message: _message, readings: _readings, quantity: _quantity, ...subject } = data;
        return { type: 'UnbillableEnded', data: { ...subject, ...asOf, foundAt: position } };
      }),
    ...[...found]
      .filter(([id]) => !open.has(id))
      .map(([id, each]): UnbillableEvent => ({ type: 'UnbillableFound', data: { id, ...each, ...asOf } })),
  ];
}
