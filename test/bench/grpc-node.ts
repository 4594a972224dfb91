import { EventStoreDbNode } from '../support/eventstoredb-node.js';

/**
 * The node in a process of its own, as a server is: neither side's work waits for the other's. Ends with the one that
 * started it.
 */
const node = await EventStoreDbNode.start();
process.stdout.write(`${node.directConnectionString}\n`);
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
