import type { NewEvent, StoredEvent } from './port.js';

const MOST_CHARACTERS = 16 * 1024 * 1024;
/** Smaller data costs Postgres nearly nothing to return. */
const LEAST_CHARACTERS = 32 * 1024;

/**
 * The data of large events that this process appended last, by their ids, until they are read: nearly always the same
 * process projects them next, and Postgres need not unpack and return what is at hand.
 */
export class RecentTexts {
  private readonly texts = new Map<string, string>();
  private characters = 0;

  /** Events that the log has, or may have soon. */
  add(events: readonly NewEvent[]): void {
    for (const { id, data } of events) {
      if (data.length < LEAST_CHARACTERS || this.texts.has(id)) continue;
      this.texts.set(id, data);
      this.characters += data.length;
    }
    for (const id of this.texts.keys()) {
      if (this.characters <= MOST_CHARACTERS) return;
      this.forget([id]);
    }
  }

  all(): ReadonlyMap<string, string> {
    return new Map(this.texts);
  }

  forget(ids: readonly string[]): void {
    for (const id of ids) {
      this.characters -= this.texts.get(id)?.length ?? 0;
      this.texts.delete(id);
    }
  }
}

const own = new WeakSet<StoredEvent>();

/** Notes that the data of an event is what this process appended. */
export function markOwn(event: StoredEvent): StoredEvent {
  own.add(event);
  return event;
}

/** Whether this process appended the event a moment ago: nothing in it need be checked again. */
export const isOwn = (event: StoredEvent): boolean => own.has(event);
