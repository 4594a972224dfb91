import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { cli, folder, type Ran, startCli } from '../support/cli.js';

// What the CLI does as a process among others: interrupted, piped, beside `up`, on a directory that another command
// uses.

let files: Awaited<ReturnType<typeof folder>>;
let dataDir: string;
beforeAll(async () => {
  files = await folder();
  dataDir = join(files.path, 'demo');
});
afterAll(async () => files.remove());

const tenant = (id: string): string =>
  JSON.stringify({ command: 'register-tenant', tenantId: id, name: id, currency: 'USD' });

/** The command, told to stop once it has printed its first line of results. */
async function interrupted(args: readonly string[], input: string, signal: NodeJS.Signals): Promise<Ran> {
  const child = startCli(args);
  const { stdin, stdout, stderr } = pipesOf(child);
  stdin.on('error', () => undefined);
  // Left open: there may be more to come.
  stdin.write(input);
  stdout.once('data', () => child.kill(signal));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [out, err, code] = await Promise.all([text(stdout), text(stderr), exited]);
  return { code, stdout: out, stderr: err };
}

function pipesOf({ stdin, stdout, stderr }: ChildProcess) {
  if (stdin === null || stdout === null || stderr === null) throw new Error('the process has no pipes');
  return { stdin, stdout, stderr };
}

/** Whether an embedded Postgres was left running on a data directory. */
const isServed = (directory: string): boolean => existsSync(join(directory, 'postgres', 'data', 'postmaster.pid'));

describe('ledgerline demo --json', () => {
  let story: Ran;
  beforeAll(async () => {
    story = await cli(['demo', '--json', '--data-dir', dataDir]);
  });

  it('prints one document with the figures, and the story as progress', () => {
    expect(story.code).toBe(0);
    expect(JSON.parse(story.stdout)).toMatchObject({
      rates: { count: 1025, keys: 872, keysWithSeveralDates: 128, zeroPrices: 594 },
      // 2 droplets × 10 days × 24; 2 zones × 10/31; 3 × 16 GB × 10/31; (2 + 2 + 3) × 10 records.
      march: {
        usage: { droplet_hours: '480', dns_zones: '0.645161290322', snapshot_gb_month: '15.483870967743' },
        records: 70,
        recordsMeteredAgain: 70,
      },
      quote: { total: '50.00' },
      unitPrice: { total: '0.685184' },
      // 5 × 30 × 24 = 3600; 50.00 + 2112 × 0.01; (1800 − 1488) × 0.01 = 3.12, 840 × 0.01,
      // 960 × 0.01 with May's 50.00.
      april: {
        usage: { droplet_hours: '3600' },
        invoices: [{ total: '53.12' }, { total: '8.40' }, { total: '59.60' }],
        total: '71.12',
        unsplit: '71.12',
      },
      margin: {
        overall: { revenue: '71.12', cogs: '86.92', margin: '-15.80' },
        byTenant: [{ tenantId: 'dashboard-pilot', cogs: '30.53', margin: '40.59', marginPct: '57.1' }],
        unattributed: { cogs: '56.39' },
      },
      correction: { knownThen: '0.000552518', knownNow: '0.0000552518' },
    });
    expect(story.stderr).toContain('7. A rate corrected in the past');
  });

  it('ends with commands that work on its ledger', async () => {
    const { next } = JSON.parse(story.stdout) as { next: string[] };
    for (const command of next.filter((line) => !line.includes(' up'))) {
      const [npx, name, ...args] = command.split(' ');
      const tried = await cli(args);
      expect([npx, name, command, tried.code]).toEqual(['npx', 'ledgerline', command, 0]);
      expect(tried.stdout).not.toBe('');
    }
  });
});

describe('ledgerline up', () => {
  let up: ChildProcess;
  let served: { api: string; console: string; docs: string; token: string };
  let messages: Promise<string>;
  let exited: Promise<number | null>;
  const start = async (): Promise<void> => {
    // Its own token is as the configuration requires.
    up = startCli(['up', '--port', '0', '--json', '--data-dir', dataDir], {
      LEDGERLINE_JWT_ISSUER: 'https://id.example',
      LEDGERLINE_JWT_AUDIENCE: 'ledger, ledger-eu',
      LEDGERLINE_JWT_LONGEST_LIFE: '7d',
    });
    const { stdout, stderr } = pipesOf(up);
    messages = text(stderr);
    exited = new Promise((resolve) => up.once('exit', resolve));
    let document = '';
    for await (const line of createInterface({ input: stdout })) {
      document += line;
      if (line === '}') break;
    }
    served = JSON.parse(document) as typeof served;
  };

  it('serves API and console, and keeps the secret to its owner', async () => {
    await start();
    const margin = await fetch(`${served.api}/dashboard/margin?period=2026-04-15`, {
      headers: { authorization: `Bearer ${served.token}` },
    });
    expect(await margin.json()).toMatchObject({ overall: { margin: '-15.80' } });
    const page = await (await fetch(served.console)).text();
    // As the build compiled it.
    const program = /src="([^"]+\.js)"/.exec(page)?.[1] ?? '';
    expect(await (await fetch(new URL(program, served.console))).text()).toContain('Paste a token.');
    expect((await fetch(`${served.api}/tenants`)).status).toBe(401);
    expect((await stat(join(dataDir, 'jwt-secret'))).mode & 0o777).toBe(0o600);
    const claims: unknown = JSON.parse(Buffer.from(served.token.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ iss: 'https://id.example', aud: 'ledger' });
  });

  it('shares its Postgres with other commands, and serves what they write', async () => {
    expect((await cli(['apply', '-', '--data-dir', dataDir], { input: tenant('beside-up') })).code).toBe(0);
    const tenants = await fetch(`${served.api}/tenants?tenantId=beside-up`, {
      headers: { authorization: `Bearer ${served.token}` },
    });
    expect(await tenants.json()).toMatchObject({ items: [{ tenantId: 'beside-up' }] });
  });

  it('keeps the demo from replacing its ledger', async () => {
    const { code, stderr } = await cli(['demo', '--data-dir', dataDir]);
    expect(code).toBe(1);
    expect(stderr).toContain('another command, such as ledgerline up, is using');
    const { stdout } = await cli(['query', 'tenants', 'tenantId=beside-up', '--json', '--data-dir', dataDir]);
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ tenantId: 'beside-up' }] });
  });

  it('stops everything at Ctrl-C', async () => {
    up.kill('SIGINT');
    expect(await exited).toBe(0);
    await expect(fetch(served.console)).rejects.toThrow();
    expect(isServed(dataDir)).toBe(false);
  });

  it.each(['api', 'worker'])('ends with a message if its %s dies', async (app) => {
    await start();
    process.kill(await childOf(up, `/${app}/src/main.js`), 'SIGKILL');
    expect(await exited).toBe(1);
    expect(await messages).toContain(`the ${app === 'api' ? 'API' : app} stopped unexpectedly`);
    await expect(fetch(served.console)).rejects.toThrow();
    expect(isServed(dataDir)).toBe(false);
  });

  it('says that its database is away once Postgres is killed, stops at Ctrl-C, and leaves nothing running', async () => {
    await start();
    const postgres = await postmasterOf(dataDir);
    process.kill(postgres, 'SIGKILL');
    const ready = async () => (await (await fetch(new URL('/health/ready', served.console))).json()) as object;
    while (!('code' in (await ready())));
    expect(await ready()).toMatchObject({ status: 'not_ready' });
    expect((await fetch(new URL('/health/live', served.console))).status).toBe(200);
    up.kill('SIGINT');
    expect(await exited).toBe(0);
    await expect(fetch(served.console)).rejects.toThrow();
    expect(existsSync(`/proc/${postgres}`)).toBe(false);
    // Its file of the process is as it was left, and the next command starts another one.
    expect(await postmasterOf(dataDir)).toBe(postgres);
    const { code, stdout } = await cli(['query', 'tenants', 'tenantId=beside-up', '--json', '--data-dir', dataDir]);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { items: [{ tenantId: 'beside-up' }] }]);
    expect(isServed(dataDir)).toBe(false);
  });

  it('leaves only Postgres running when it is killed, which the next command reuses and stops', async () => {
    await start();
    up.kill('SIGKILL');
    // API and worker hold the other end of its messages: they end with the last of them.
    await messages;
    await expect(fetch(served.console)).rejects.toThrow();
    expect(isServed(dataDir)).toBe(true);
    expect((await cli(['query', 'tenants', '--data-dir', dataDir])).code).toBe(0);
    expect(isServed(dataDir)).toBe(false);
  });

  it('refuses an invalid port', async () => {
    expect((await cli(['up', '--port', '65536', '--data-dir', dataDir])).code).toBe(2);
  });
});

/** The process id of the embedded Postgres on a data directory. */
async function postmasterOf(directory: string): Promise<number> {
  return Number((await readFile(join(directory, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

/** The process id of a child by what it runs. */
async function childOf({ pid }: ChildProcess, program: string): Promise<number> {
  const children = (await readFile(`/proc/${pid ?? 0}/task/${pid ?? 0}/children`, 'utf8')).trim().split(' ');
  for (const child of children)
    if ((await readFile(`/proc/${child}/cmdline`, 'utf8')).includes(program)) return Number(child);
  throw new Error(`process ${pid ?? 0} has no child that runs ${program}`);
}

describe('an interrupted command', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'apply stops at %s after its command, also while it waits for input, and keeps finished commands',
    async (signal) => {
      const own = join(files.path, signal);
      const { code, stdout, stderr } = await interrupted(['apply', '-', '--data-dir', own], `${tenant('a')}\n`, signal);
      expect([code, stdout]).toEqual([1, '1\tdone\tregister-tenant\n']);
      expect(stderr).toContain('interrupted after 1 command. Finished commands are kept.');
      expect(isServed(own)).toBe(false);
      const again = await cli(['apply', '-', '--json', '--data-dir', own], { input: `${tenant('a')}\n${tenant('b')}` });
      expect(JSON.parse(again.stdout)).toMatchObject([{ status: 'unchanged' }, { status: 'done' }]);
    },
  );

  it('meter skips the rest of its days, and leaves no Postgres running', async () => {
    const own = join(files.path, 'meter');
    const { code, stderr } = await interrupted(
      ['meter', '--date', '2001-01-01', '--to', '2025-12-31', '--data-dir', own],
      '',
      'SIGINT',
    );
    expect(code).toBe(1);
    expect(stderr).toContain('ledgerline: interrupted. Finished work is kept; run the same command again to continue.');
    expect(isServed(own)).toBe(false);
  });
});

describe('results', () => {
  it('may be read in part: a closed pipe is not a failure', async () => {
    const child = startCli(['query', 'rates', '--data-dir', dataDir]);
    const { stdin, stdout, stderr } = pipesOf(child);
    stdin.end();
    stdout.destroy();
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    expect([await text(stderr).then((said) => said.includes('Error')), await exited]).toEqual([false, 0]);
    expect(isServed(dataDir)).toBe(false);
  });
});

describe('values on the command line', () => {
  it.each([
    [['meter', '--date', '2026-02-30']],
    [['meter', '--date', '2026-04-02', '--to', '2026-04-01']],
    [['invoice', '--as-of', 'yesterday']],
    [['quote', '--plan', 'x', '--usage', 'x', '--period', '2026-04']],
    [['query', 'tenants', 'nonsense']],
  ])('%j exits 2 before anything is started', async (args) => {
    const own = join(files.path, 'none');
    expect((await cli([...args, '--data-dir', own])).code).toBe(2);
    expect(existsSync(own)).toBe(false);
  });

  it.each([
    [['query', 'nonsense']],
    [['query', 'margin', 'period=2026-04-15', 'nonsense=1']],
    [['query', 'rates', '--as-of', 'nonsense']],
  ])('%j exits 2', async (args) => {
    expect((await cli([...args, '--data-dir', dataDir])).code).toBe(2);
  });

  it('name files that must all exist before anything is done', async () => {
    const own = join(files.path, 'none');
    const { code, stderr } = await cli([
      'apply',
      await files.write('one.jsonl', tenant('a')),
      join(files.path, 'two.jsonl'),
      '--data-dir',
      own,
    ]);
    expect([code, stderr]).toEqual([1, `ledgerline: file not found: ${join(files.path, 'two.jsonl')}\n`]);
    expect(existsSync(own)).toBe(false);
  });
});

describe('ledgerline starts', () => {
  it('without what Node loads for HTTP and for dates in all languages, which costs a sixth of its time', async () => {
    const report = await files.write(
      'loaded.cjs',
      'const dates = Intl.DateTimeFormat; let isMade = false;\n' +
        'Intl.DateTimeFormat = new Proxy(dates, { construct(...given) { isMade = true; return Reflect.construct(...given); } });\n' +
        "process.on('exit', () => console.error(`undici ${process.moduleLoadList.some((each) => each.endsWith('/undici'))},` +" +
        '` dates ${isMade}`));\n',
    );
    // It loads all that a query needs before it finds that there is no such query.
    const { code, stderr } = await cli(['query', 'nothing'], { env: { NODE_OPTIONS: `--require ${report}` } });
    expect(code).toBe(2);
    expect(stderr.split('\n').slice(-2)).toEqual(['undici false, dates false', '']);
  });

  it('with files in ASCII, which Node reads faster', async () => {
    const code = fileURLToPath(new URL('../../dist/apps', import.meta.url));
    const built = globSync(join(code, '{api,cli,shared,worker}/src/*.js'));
    expect(built.length).toBeGreaterThan(3);
    for (const file of built)
      expect([file, /[^\0-\x7F]/.exec(await readFile(file, 'utf8'))?.[0]]).toEqual([file, undefined]);
  });
});
