import { EventStoreDbNode } from './eventstoredb-node.js';

/** `eventstoredb`: whatever the specs open, the ledger, the API or the CLI, has its log behind gRPC (npm run test:grpc). */
export const isBehindGrpc = process.env['LEDGERLINE_TEST_LOG'] === 'eventstoredb';

/** By where its mirror is: a database's name, or a data directory of the CLI's. */
const nodes = new Map<string, EventStoreDbNode>();

// A proxy in front of the server is another host of the same database.
const placeOf = (databaseUrl: string): string => new URL(databaseUrl).pathname;

async function nodeAt(place: string): Promise<EventStoreDbNode> {
  const node = nodes.get(place) ?? (await EventStoreDbNode.start());
  nodes.set(place, node);
  return node;
}

/** Starts EventStoreDB for a database that is to be its mirror, until `stop`; `recorded` says whether it has any event. */
export async function logBehindGrpc(databaseUrl: string): Promise<{ readonly node: EventStoreDbNode; stop(recorded: boolean): Promise<void> }> {
  const place = placeOf(databaseUrl);
  const node = await nodeAt(place);
  return {
    node,
    async stop(recorded) {
      nodes.delete(place);
      await node.stop();
      if (recorded && node.appends === 0) throw new Error('no event went to EventStoreDB: what was tested is not what it says');
    },
  };
}

/** Where the ledger of a database has its log, as its options name it. */
export function on(databaseUrl: string): { readonly databaseUrl: string; readonly eventStoreUrl?: string } {
  const node = nodes.get(placeOf(databaseUrl));
  return node === undefined ? { databaseUrl } : { databaseUrl, eventStoreUrl: node.connectionString };
}

/** A data directory's node, started where it has none; it ends with the process. */
export async function prepareDataDir(dataDir: string): Promise<void> {
  if (isBehindGrpc) await nodeAt(dataDir);
}

/** The log of a process, as its environment names it: of the database that it is given, or of its data directory. */
export function logEnvironment(environment: Readonly<Record<string, string>>, args: readonly string[]): { EVENT_STORE_URL?: string } {
  const { DATABASE_URL: url, EVENT_STORE_URL: own } = environment;
  const dataDir = args[args.indexOf('--data-dir') + 1];
  const node = own !== undefined ? undefined : url !== undefined && URL.canParse(url) ? nodes.get(placeOf(url)) : nodes.get(dataDir ?? '');
  return node === undefined ? {} : { EVENT_STORE_URL: node.connectionString };
}
