import { z } from 'zod';
import {
  type EventData,
  type EventMetadata,
  type EventSource,
  type EventType,
  eventSchemas,
  recordedSchema,
  type LedgerEvent,
  type RecordedEvent,
} from '#domain/events';
import { checked, fieldErrors, listed } from '#domain/faults';
import { zInstant, zJsonObject } from '#domain/schema';
import { isPlainlyCorrected, isPlainlyRecorded } from '#domain/costs/plain';
import { isPlainlyObserved } from '#domain/usage/plain';
import { type NewEvent, REMOVED, type StoredEvent, UNHELD } from './port.js';

/**
 * Converts between events and the bytes in the log. Every event is checked against its schema when it is written and
 * when it is read. An old version is first converted to the current version by its upcasters.
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
  /** Version of the event's shape. Default: 1. */
  v: z.number().int().positive().exactOptional(),
});

/** An event whose data is JSON text already, of parts that were checked as `encode` would, and where it is from. */
export interface WrittenEvent {
  readonly type: EventType;
  readonly written: string;
  readonly source: EventSource;
}

/** Converts the data of one version of an event's shape to the next version. */
type Upcaster = (data: unknown) => unknown;

/** The upcasters of each event type, in order, from version 1. The current version is their number + 1. */
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
 * An escaped character in JSON, after an even number of backslashes. The JSON itself is valid text, but the parsed
 * string is not.
 */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

/** An event as it is stored, in the version in which it was written. Its type may be unknown. */
export interface LoggedEvent extends Omit<StoredEvent, 'data' | 'metadata'> {
  readonly data: unknown;
  readonly metadata: EventMetadata;
}

/** Checks that the event has one of these types. Errors: an Error (a defect) if it has another type. */
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

  /** Refuses an event that does not match its schema: a defect of the decision that made it. */
  encode(id: string, event: LedgerEvent, metadata: EventMetadata): NewEvent {
    const data = isPlain(event) ? event.data : this.canonical(event);
    return this.encodeWritten(id, event.type, JSON.stringify(data), metadata);
  }

  /** The same for data that is written already. */
  encodeWritten(id: string, type: EventType, data: string, metadata: EventMetadata): NewEvent {
    const version = this.version(type);
    const encoded = { data, metadata: JSON.stringify(version === 1 ? metadata : { ...metadata, v: version }) };
    for (const [where, text] of Object.entries(encoded))
      if (text.includes('\\u') && UNSTORABLE.test(text))
        throw new Error(`${type} contains a NUL or half a surrogate pair in ${where}, which no read model can store`);
    return { id, type, ...encoded };
  }

  private canonical({ type, data }: LedgerEvent): unknown {
    const result = checked(eventSchemas[type], data);
    if (!result.success) throw new Error(`${type} has invalid data: ${listed(fieldErrors(result.error))}`);
    return result.data;
  }

  /**
   * For readers that show the log itself, including events that can't be applied. Data that is not JSON is shown as its
   * text. An event whose metadata is not a ledger's has the actor `unknown`.
   */
  asLogged(stored: StoredEvent): LoggedEvent {
    const metadata = this.metadataIfReadable(stored) ?? { actor: 'unknown' };
    return { ...stored, data: parsed(stored.data) ?? stored.data, metadata };
  }

  /** The metadata, also of an event whose data can't be read. undefined: no ledger of this version wrote it. */
  metadataIfReadable(stored: Pick<StoredEvent, 'metadata'>): EventMetadata | undefined {
    const ours = checked(zMetadata, parsed(stored.metadata));
    if (!ours.success) return undefined;
    const { v: _version, ...metadata } = ours.data;
    return metadata;
  }

  /**
   * The data without a check: it was checked when it was written. For readers of very many events. An older version is
   * converted and checked as in `decode`.
   */
  decodeAsWritten(stored: StoredEvent): RecordedEvent {
    const { id, stream, revision, position, recordedAt } = stored;
    const type = this.typeOf(stored);
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

  /** The same for an event that this process wrote a moment ago. Its data is only parsed if it is needed. */
  decodeOwn(stored: StoredEvent): RecordedEvent {
    const { id, stream, revision, position, recordedAt, data: written } = stored;
    const { v: _version, ...metadata } = this.metadataOf(stored);
    let data: unknown;
    return {
      ...{ type: this.typeOf(stored), metadata, id, stream, revision, position, recordedAt, written },
      get data() {
        return (data ??= json(stored, written)) as EventData<EventType>;
      },
    } as RecordedEvent;
  }

  /** Errors: UnreadableEvent, for an event that no ledger wrote. */
  private typeOf(stored: StoredEvent): EventType {
    if (isEventType(stored.type)) return stored.type;
    const { reason, fromRevision, toRevision } = Object(parsed(stored.data)) as Readonly<Record<string, unknown>>;
    if (stored.type === UNHELD)
      throw new UnreadableEvent(stored, `another application wrote it, and ${String(reason)}`);
    if (stored.type === REMOVED)
      throw new UnreadableEvent(
        stored,
        `it stands for revisions ${String(fromRevision)} to ${String(toRevision)}, which EventStoreDB removed before` +
          ' they were copied',
      );
    throw new UnreadableEvent(stored, 'its type is unknown to this version');
  }

  private metadataOf(stored: StoredEvent): z.infer<typeof zMetadata> {
    const metadata = checked(zMetadata, json(stored, stored.metadata));
    if (metadata.success) return metadata.data;
    throw new UnreadableEvent(stored, `its metadata: ${listed(fieldErrors(metadata.error))}`);
  }

  /**
   * Refuses an event that has no schema or does not match it (UnreadableEvent). The projection then stops instead of
   * guessing.
   */
  decode(stored: StoredEvent): RecordedEvent {
    const type = this.typeOf(stored);
    const { v = 1, ...known } = this.metadataOf(stored);
    if (v > this.version(type))
      throw new UnreadableEvent(
        stored,
        `its shape has version ${v}, but this program knows ` + `version ${this.version(type)}`,
      );
    const lifted = (this.upcasters[type] ?? [])
      .slice(v - 1)
      .reduce<unknown>((data, upcast) => upcast(data), json(stored, stored.data));
    const data = arePlainCosts(type, lifted)
      ? { success: true as const, data: lifted }
      : checked(recordedSchema(type), lifted);
    if (!data.success) throw new UnreadableEvent(stored, listed(fieldErrors(data.error)));
    const { id, stream, revision, position, recordedAt } = stored;
    // The schema was selected by `type` and checked the data, so the two belong together.
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

/** For very many readings or cost lines in few events: where they are plain, this check costs less than the schema. */
const isPlain = (event: LedgerEvent): boolean =>
  event.type === 'UsageObserved' ? isPlainlyObserved(event.data) : arePlainCosts(event.type, event.data);

const arePlainCosts = (type: string, data: unknown): boolean =>
  (type === 'CostRecorded' && isPlainlyRecorded(data)) || (type === 'CostCorrected' && isPlainlyCorrected(data));

function json(stored: StoredEvent, text: string): unknown {
  const value = parsed(text);
  if (value === undefined) throw new UnreadableEvent(stored, 'it is not JSON');
  return value;
}

/** undefined: the text is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
