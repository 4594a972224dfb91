import { connectionFault } from '#event-store/connection-string';
import type { EventStoreDbLog } from '#event-store/eventstoredb';
import type { EventStoreSettings } from './environment.js';

/**
 * The log in EventStoreDB. Its client is a third of the code that a command loads: only a ledger that uses it loads it.
 * Errors: the client refuses the connection string. The message does not quote it, because it has the password.
 */
export async function openEventStoreDb({ url, prefix }: EventStoreSettings): Promise<EventStoreDbLog> {
  const { EventStoreDbLog: Log } = await import('#event-store/eventstoredb');
  try {
    return new Log(url, { prefix });
  } catch (error) {
    throw new Error(`EVENT_STORE_URL ${connectionFault(error, url)}. Nothing was started.`);
  }
}
