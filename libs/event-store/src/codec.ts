import { z } from 'zod';
import {
  type EventData,
  type EventMetadata,
  type EventType,
  eventSchemas,
  recordedSchemas,
  type LedgerEvent,
  type RecordedEvent,
} from '#domain/events';
import { checked, fieldErrors, listed } from '#domain/faults';
import { zInstant, zJsonObject } from '#domain/schema';
import { isPlainlyObserved } from '#domain/usage/plain';
import type { NewEvent, StoredEvent } from './port.js';

/**
 * Between facts and the bytes in the log. Every event is checked against its schema when it is written and when it is
 * read; an old shape is lifted to the present one by its upcaster before the check.
 */

const zMetadata = z.object({
  actor: z.string(),
  occurredAt: zInstant.exactOptional(),
  command: z
    .object({
      name: z.string(),
      key: z.string(),
      bodyHash: z.string(),
      idempotencyKey: z.string().exactOptional(),
      result: zJsonObject.exactOptional(),
    })
    .exactOptional(),
  correlationId: z.string().exactOptional(),
  requestId: z.string().exactOptional(),
  traceparent: z.string().exactOptional(),
  source: z.object({ file: z.string(), sha256: z.string().exactOptional(), rows: z.string() }).exactOptional(),
  /** Version of the event's shape; 1 unless it says so. */
  v: z.number().int().positive().exactOptional(),
});

/** Lifts the data of one version of an event's shape to the next. */
type Upcaster = (data: unknown) => unknown;

/** By event type: the upcasters from version 1 on, in order. The present version is their number + 1. */
export type Upcasters = { readonly [Type in EventType]?: readonly Upcaster[] };

/** No shape has changed yet. */
const UPCASTERS: Upcasters = {};

export class UnreadableEvent extends Error {
  override readonly name = 'UnreadableEvent';
  constructor(
    readonly event: Pick<StoredEvent, 'stream' | 'revision' | 'position' | 'type'>,
    reason: string,
  ) {
    super(
      `event ${event.type} at position ${event.position} (${event.stream}, revision ${event.revision}) can't ` +
        `be read: ${reason}`,
    );
  }
}

/**
 * What JSON writes as an escape, after an even number of backslashes: the bytes are text, what is read of them is not.
 */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

/**
 * An event as it stands in the log, in the version of its shape in which it was written, and of a type that may be
 * unknown.
 */
export interface LoggedEvent extends Omit<StoredEvent, 'data' | 'metadata'> {
  readonly data: unknown;
  readonly metadata: EventMetadata;
}

/** The event, of one of these types, as it was asked for. Errors: an Error, a defect, where it is of another. */
export function ofType<Type extends EventType>(
  event: RecordedEvent,
  ...types: readonly Type[]
): Extract<RecordedEvent, { readonly type: Type }> {
  if (isOfType(event, types)) return event;
  throw new Error(`the event at position ${event.position} is ${event.type}, not ${types.join(' or ')}`);
}

const isOfType = <Type extends EventType>(
  event: RecordedEvent,
  types: readonly Type[],
): event is Extract<RecordedEvent, { readonly type: Type }> => types.some((type) => type === event.type);

const isEventType = (type: string): type is EventType => Object.hasOwn(eventSchemas, type);

export class EventCodec {
  constructor(private readonly upcasters: Upcasters = UPCASTERS) {}

  private version(type: EventType): number {
    return (this.upcasters[type]?.length ?? 0) + 1;
  }

  /** Refuses a fact whose shape is not its schema's: that is a defect of the decision that made it. */
  encode(id: string, event: LedgerEvent, metadata: EventMetadata): NewEvent {
    const data = isPlain(event) ? event.data : this.canonical(event);
    const version = this.version(event.type);
    const encoded = {
      data: JSON.stringify(data),
      metadata: JSON.stringify(version === 1 ? metadata : { ...metadata, v: version }),
    };
    for (const [where, text] of Object.entries(encoded))
      if (text.includes('\\u') && UNSTORABLE.test(text))
        throw new Error(
          `${event.type} holds a NUL or half a surrogate pair in its ${where}: no read model could keep it`,
        );
    return { id, type: event.type, ...encoded };
  }

  private canonical({ type, data }: LedgerEvent): unknown {
    const result = checked(eventSchemas[type], data);
    if (!result.success) throw new Error(`${type} has a wrong shape: ${listed(fieldErrors(result.error))}`);
    return result.data;
  }

  /**
   * For a reader that shows the log itself, also where it can't be applied. Errors: UnreadableEvent, where it is not
   * JSON.
   */
  asLogged(stored: StoredEvent): LoggedEvent {
    const { v: _version, ...metadata } = this.metadataOf(stored);
    return { ...stored, data: json(stored, stored.data), metadata };
  }

  /**
   * The data as it stands, unchecked: it was checked when it was written. For a reader of very many events; a shape of
   * another version is lifted and checked as by `decode`.
   */
  decodeAsWritten(stored: StoredEvent): RecordedEvent {
    const { type, id, stream, revision, position, recordedAt } = stored;
    if (!isEventType(type)) throw new UnreadableEvent(stored, 'its type is unknown to this version');
    const { v = 1, ...known } = this.metadataOf(stored);
    if (v !== this.version(type)) return this.decode(stored);
    return {
      type,
      data: json(stored, stored.data) as EventData<EventType>,
      metadata: known,
      id,
      stream,
      revision,
      position,
      recordedAt,
    } as RecordedEvent;
  }

  private metadataOf(stored: StoredEvent): z.infer<typeof zMetadata> {
    const metadata = checked(zMetadata, json(stored, stored.metadata));
    if (metadata.success) return metadata.data;
    throw new UnreadableEvent(stored, `its metadata: ${listed(fieldErrors(metadata.error))}`);
  }

  /** Refuses what has no schema or does not fit it (UnreadableEvent): a projection halts there rather than guess. */
  decode(stored: StoredEvent): RecordedEvent {
    const { type } = stored;
    if (!isEventType(type)) throw new UnreadableEvent(stored, 'its type is unknown to this version');
    const { v = 1, ...known } = this.metadataOf(stored);
    if (v > this.version(type))
      throw new UnreadableEvent(stored, `its shape has version ${v}, this program knows ${this.version(type)}`);
    const lifted = (this.upcasters[type] ?? [])
      .slice(v - 1)
      .reduce<unknown>((data, upcast) => upcast(data), json(stored, stored.data));
    const data = checked(recordedSchemas[type], lifted);
    if (!data.success) throw new UnreadableEvent(stored, listed(fieldErrors(data.error)));
    const { id, stream, revision, position, recordedAt } = stored;
    // The schema that was looked up by `type` checked the data: the pair belongs together.
    return {
      type,
      data: data.data as EventData<EventType>,
      metadata: known,
      id,
      stream,
      revision,
      position,
      recordedAt,
    } as RecordedEvent;
  }
}

/** Very many readings in few events: where they are plain, that is seen at less cost than by the schema. */
const isPlain = (event: LedgerEvent): boolean => event.type === 'UsageObserved' && isPlainlyObserved(event.data);

function json(stored: StoredEvent, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableEvent(stored, 'it is not JSON');
  }
}
