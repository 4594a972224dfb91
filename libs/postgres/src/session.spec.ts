import { once } from 'node:events';
import net from 'node:net';
import { expect, it } from '@jest/globals';
import pg from 'pg';
import { testDatabase } from '../../../test/support/postgres.js';
import { createPool } from './pool.js';
import { assertOwnSession } from './session.js';

it('a session of our own has the settings of its pool', async () => {
  const database = await testDatabase();
  const pool = createPool(database.url, { schema: 'ledgerline' });
  await expect(assertOwnSession(pool, 'ledgerline')).resolves.toBeUndefined();
  await pool.end();
  // What PgBouncer does with `ignore_startup_parameters = options`.
  const dropping = new pg.Pool({ connectionString: database.url });
  await expect(assertOwnSession(dropping, 'ledgerline')).rejects.toMatchObject({
    code: 'database_behind_pooler',
    message:
      'a pooler such as PgBouncer stands before the database (it dropped the setting search_path=ledgerline). Name ' +
      'Postgres itself in DATABASE_URL: Ledgerline has pools of its own, and needs sessions for its locks.',
  });
  await dropping.end();
  await database.drop();
});

it('a pooler that refuses the settings is named as one', async () => {
  // What PgBouncer 1.18 answers to our start-up message.
  const fields = ['SERROR', 'VERROR', 'C08P01', 'Munsupported startup parameter: options'].join('\0');
  const text = Buffer.from(`${fields}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(text.length + 4, 1);
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.end(Buffer.concat([head, text])));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pool = createPool(`postgres://me@127.0.0.1:${(server.address() as net.AddressInfo).port}/ledgerline`);
  await expect(assertOwnSession(pool, 'ledgerline')).rejects.toMatchObject({
    code: 'database_behind_pooler',
    message: expect.stringContaining('(unsupported startup parameter: options)'),
  });
  await pool.end();
  server.close();
});
