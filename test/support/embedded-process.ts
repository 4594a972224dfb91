import { createInterface } from 'node:readline';
import { startEmbeddedPostgres, type EmbeddedOptions } from '../../libs/postgres/src/embedded.js';

/**
 * A process that starts or adopts the embedded Postgres, as every command does. It answers one line of JSON,
 * `{ url, adopted }`, stops the server at a line "stop", and ends with its input.
 */
const server = await startEmbeddedPostgres(JSON.parse(process.argv[2] ?? '') as EmbeddedOptions);
console.log(JSON.stringify({ url: server.url, adopted: server.adopted }));
for await (const line of createInterface(process.stdin)) {
  if (line !== 'stop') continue;
  await server.stop();
  console.log(JSON.stringify({ stopped: true }));
}
