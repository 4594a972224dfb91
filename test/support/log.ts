import type { EventStoreSettings } from '#runtime/environment';
import { EventStoreDbNode } from './eventstoredb-node.js';

/**
 * `eventstoredb`: whatever the specs open, the ledger, the API or the CLI on a database of theirs, has its log behind
 * gRPC (npm run test:grpc).
 */
export const isBehindGrpc = process.env['LEDGERLINE_TEST_LOG'] === 'eventstoredb';

/** By the database that its mirror is in. */
const nodes = new Map<string, EventStoreDbNode>();

// A proxy in front of the server is another host of the same database.
const placeOf = (databaseUrl: string): string => new URL(databaseUrl).pathname;

/**
 * Starts EventStoreDB for a database that is to be its mirror, until `stop`; `recorded` says whether it has any event.
 */
export async function logBehindGrpc(
  databaseUrl: string,
): Promise<{ readonly node: EventStoreDbNode; stop(recorded: boolean): Promise<void> }> {
  const place = placeOf(databaseUrl);
  const node = await EventStoreDbNode.start();
  nodes.set(place, node);
  return {
    node,
    async stop(recorded) {
      nodes.delete(place);
      await node.stop();
      if (recorded && node.appends === 0)
        throw new Error('no event went to EventStoreDB: what was tested is not what it says');
    },
  };
}

/** Where the ledger of a database has its log, as its options name it. */
export function on(databaseUrl: string): { readonly databaseUrl: string; readonly eventStore?: EventStoreSettings } {
  const node = nodes.get(placeOf(databaseUrl));
  return node === undefined
    ? { databaseUrl }
    : { databaseUrl, eventStore: { url: node.connectionString, prefix: 'ledgerline-' } };
}

/**
 * The log of a process on a database, as its environment names it. What has a data directory of its own has its log
 * there.
 */
export function logEnvironment({ DATABASE_URL: url }: Readonly<Record<string, string>>): { EVENT_STORE_URL?: string } {
  const eventStoreUrl = url !== undefined && URL.canParse(url) ? on(url).eventStore?.url : undefined;
  return eventStoreUrl === undefined ? {} : { EVENT_STORE_URL: eventStoreUrl };
}
