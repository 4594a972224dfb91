import { EventCodec } from '#event-store/codec';
import type { StoredEvent } from '#event-store/port';
import type { QueryContext } from '#ledger/query';
import { seesData } from '../seen-by-role.js';
import { type ShownEvent, shownEvent } from './evidence.js';
import { type UsedIn, usedIn } from './used-in.js';

export interface ExplainedEvent {
  readonly is: 'event';
  readonly event: ShownEvent;
  /** The invoices that it is an input of. null: what it records is on no invoice. */
  readonly usedIn: readonly UsedIn[] | null;
  readonly usedInCount: number;
  /** Of a cost: the months of the margin that it is in. Each can be explained by this name. */
  readonly margin: readonly string[];
}

const codec = new EventCodec();
const POSITION = /^#?([1-9]\d{0,14})$/;

/**
 * An event by position (`1207` or `#1207`) or by stream and revision (`plan-studio#0`). undefined: there is no such
 * event.
 */
export async function eventNamed({ core, position }: QueryContext, id: string): Promise<StoredEvent | undefined> {
  const at = POSITION.exec(id)?.[1];
  const [stream, revision] = /^(.+)#(\d{1,15})$/.exec(id)?.slice(1) ?? [];
  const events =
    at !== undefined
      ? core.log.readAt([Number(at)])
      : stream !== undefined
        ? core.log.read(stream, Number(revision))
        : [];
  for await (const event of events) return event.position <= position ? event : undefined;
  return undefined;
}

export async function explainEvent(context: QueryContext, stored: StoredEvent, first: number): Promise<ExplainedEvent> {
  const event = codec.decode(stored);
  const isCost = event.type === 'CostRecorded' || event.type === 'CostCorrected';
  const maySee = seesData(context.caller, event.type);
  return {
    is: 'event',
    event: shownEvent(event, maySee ? event.data : null),
    ...((await usedIn(context, event, first)) ?? { usedIn: null, usedInCount: 0 }),
    margin:
      isCost && maySee
        ? [
            ...new Set(
              event.data.lines.map(
                ({ chargePeriod, currency }) => `margin:${chargePeriod.start.slice(0, 7)}/${currency}`,
              ),
            ),
          ]
        : [],
  };
}
