import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cli, folder } from '../support/cli.js';
import { type TestDatabase, testDatabase } from '../support/postgres.js';

// Tamper evidence as an auditor meets it: processes, files, exit codes.

let database: TestDatabase;
let dir: Awaited<ReturnType<typeof folder>>;
let env: Record<string, string>;

const ledgerline = async (...args: string[]) => cli([...args, '--data-dir', dir.path], { env });
const verified = async (...args: string[]) => {
  const { code, stdout } = await ledgerline('verify', '--json', ...args);
  return {
    code,
    ...(JSON.parse(stdout) as {
      ok: boolean;
      size: number;
      root: string;
      failures: { code: string; position: number; message: string }[];
    }),
  };
};

beforeAll(async () => {
  database = await testDatabase();
  dir = await folder();
  env = { DATABASE_URL: database.url };
});
afterAll(async () => {
  await dir.remove();
  await database.drop();
});

describe('verify', () => {
  it('reports that there is nothing to verify, and creates nothing', async () => {
    const { code, stderr } = await ledgerline('verify');
    expect([code, stderr.includes('there is no log in this database')]).toEqual([1, true]);
    const { rows } = await database.pool.query("select nspname from pg_namespace where nspname like 'ledgerline%'");
    expect(rows).toEqual([]);
  });

  it('finds the log unchanged right after the command that wrote it', async () => {
    const commands = [1, 2, 3]
      .map((n) => JSON.stringify({ command: 'register-tenant', tenantId: `t${n}`, name: `T ${n}`, currency: 'USD' }))
      .join('\n');
    const file = await dir.write('commands.jsonl', commands);
    expect((await ledgerline('apply', file)).code).toBe(0);
    const { rows } = await database.pool.query<{ size: number }>('select size from ledgerline_audit.tree');
    expect(rows).toEqual([{ size: 3 }]);
    expect(await verified()).toMatchObject({ code: 0, ok: true, size: 3, failures: [] });
  });

  it('accepts a stored checkpoint, signed with a key that only its owner can read', async () => {
    const kept = join(dir.path, 'kept.checkpoint');
    const { code, stdout } = await ledgerline('checkpoint', '--out', kept, '--json');
    const { root, publicKey } = JSON.parse(stdout) as { root: string; publicKey: string };
    expect([code, (await stat(join(dir.path, 'checkpoint.key'))).mode & 0o777]).toEqual([0, 0o600]);
    expect(await readFile(kept, 'utf8')).toMatch(
      new RegExp(`^ledgerline/[0-9a-f]{8}\n3\n${root.replaceAll('+', '\\+')}\n\n— ledgerline/`),
    );
    expect(await verified('--checkpoint', kept)).toMatchObject({ code: 0, ok: true, root });
    // By the public key alone, as an auditor has it.
    expect(await verified('--checkpoint', kept, '--key', publicKey)).toMatchObject({ code: 0, ok: true });
    const changed = await dir.write('changed.checkpoint', (await readFile(kept, 'utf8')).replace('\n3\n', '\n2\n'));
    expect(await verified('--checkpoint', changed)).toMatchObject({
      code: 1,
      ok: false,
      failures: [{ code: 'checkpoint_not_signed' }],
    });
    expect((await ledgerline('verify', '--checkpoint', join(dir.path, 'none'))).code).toBe(2);
  });

  it('makes a key that is kept elsewhere, and says so where no file can be written', async () => {
    const { code, stdout, stderr } = await ledgerline('checkpoint-key', 'create');
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^PRIVATE\+KEY\+ledgerline\/[0-9a-f]{8}\+[0-9a-f]{8}\+\S+\n$/),
    ]);
    const publicKey = / (ledgerline\/\S+)$/.exec(stderr.trim())?.[1] ?? '';
    const withKey = { env: { ...env, LEDGERLINE_CHECKPOINT_KEY: stdout.trim() } };
    expect((await cli(['checkpoint-key', 'show'], withKey)).stdout).toBe(`${publicKey}\n`);
    // A file in the place of the directory, so that nobody can write there, not even root.
    const noFolder = join(await dir.write('a file', ''), 'below');
    const refused = await cli(['checkpoint', '--data-dir', noFolder], { env });
    expect(refused.code).not.toBe(0);
    const signed = await cli(['checkpoint', '--data-dir', noFolder, '--json'], withKey);
    expect(JSON.parse(signed.stdout)).toMatchObject({ publicKey });
    expect((await ledgerline('checkpoint-key', 'make')).code).toBe(2);
  });

  it('names the changed event, and exits 1', async () => {
    await database.pool.query(
      'begin; set local session_replication_role = replica; update ledgerline_log.events set data = ' +
        "replace(data, 'USD', 'EUR') where position = 2; commit",
    );
    expect(await verified()).toMatchObject({
      code: 1,
      ok: false,
      size: 3,
      failures: [
        { code: 'event_changed', position: 2, stream: 'tenant-t2', type: 'TenantRegistered' },
        { code: 'root_differs', position: 2 },
      ],
    });
    const { code, stdout } = await ledgerline('verify');
    expect([code, stdout.includes('FAILS at 2  the event at position 2 is not the one recorded there')]).toEqual([
      1,
      true,
    ]);
  });
});

describe('an invalid moment', () => {
  it.each([
    [['replay', '--as-of', 'then']],
    [['replay', '--as-of', '1', '--into', 'public']],
    [['diff', '--from', 'then']],
    [['diff', '--from', '3', '--to', '1']],
  ])('%j is wrong usage', async (args) => {
    expect((await ledgerline(...args)).code).toBe(2);
  });
});
