import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { parse } from '#domain/schema';
import { openDatabase } from '#postgres/pool';
import { print, printJson, say } from './output.js';
import { minted, secretIn, usualLife } from './token-secret.js';
import { readOption } from './wrong-usage.js';

const HOST = '127.0.0.1';

/** Serves until it is interrupted. API and worker are child processes: if one ends, the other is stopped too. */
export async function run(
  _args: readonly string[],
  options: { dataDir: string; json: boolean; port?: unknown },
): Promise<number> {
  const port = readOption(() => parse(zPort, options.port, '--port'));
  const database = await openDatabase({ databaseUrl: process.env['DATABASE_URL'], dataDir: options.dataDir, log: say });
  try {
    const secret = await secretIn(options.dataDir);
    const settings = {
      DATABASE_URL: database.url,
      LEDGERLINE_JWT_SECRET: secret,
      LEDGERLINE_HOST: HOST,
      LEDGERLINE_PORT: port,
    };
    // The log lines of each request and each metered day would fill the terminal: only warnings and errors are shown.
    return await serve({ LEDGERLINE_LOG_LEVEL: 'warn', ...process.env, ...settings }, (url) =>
      announce(url, secret, options.json),
    );
  } finally {
    await database.close();
  }
}

const zPort = z
  .string()
  .regex(/^\d{1,5}$/, 'is not a port number from 0 to 65535')
  .refine((text) => Number(text) <= 65_535, 'is not a port number from 0 to 65535');

interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** The exit code; null if a signal ended the process, or it could not be started. */
  readonly ended: Promise<number | null>;
}

async function serve(environment: NodeJS.ProcessEnv, announced: (url: string) => Promise<void>): Promise<number> {
  const children: Child[] = [];
  let stopping = false;
  const stop = (): void => {
    stopping = true;
    for (const child of children) child.process.kill('SIGTERM');
  };
  process.once('SIGINT', stop).once('SIGTERM', stop).once('SIGHUP', stop);
  try {
    const api = start('API', 'api', environment);
    children.push(api);
    const url = await firstLine(api.process);
    if (url !== undefined && !stopping) {
      // The worker starts after the API has created the tables.
      children.push(start('worker', 'worker', environment));
      await announced(url);
    }
    const first = await Promise.race(children.map(async ({ name, ended }) => ({ name, code: await ended })));
    if (stopping) return 0;
    say(
      `the ${first.name} stopped unexpectedly (exit code ${first.code ?? 'none'}). ` +
        'Stopping the rest. See its messages above.',
    );
    return 1;
  } finally {
    stop();
    await Promise.all(children.map(async ({ ended }) => ended));
  }
}

function start(name: string, app: 'api' | 'worker', environment: NodeJS.ProcessEnv): Child {
  const main = fileURLToPath(new URL(`../../${app}/src/main.js`, import.meta.url));
  // Logs go to stderr, and stdout has only what `up` prints. The first line that the API prints is its address.
  // The IPC channel closes if this process is killed, so that the child ends too.
  const child = spawn(process.execPath, [main], {
    env: environment,
    stdio: ['ignore', app === 'api' ? 'pipe' : 2, 'inherit', 'ipc'],
  });
  const ended = Promise.withResolvers<number | null>();
  // The listener is added at once, because a child can end before its end is awaited.
  child.once('exit', ended.resolve);
  child.once('error', (error) => {
    say(`cannot start the ${name}: ${error.message}`);
    ended.resolve(null);
  });
  return { name, process: child, ended: ended.promise };
}

/** The first line that a process prints; undefined if it ends without one. */
async function firstLine({ stdout }: ChildProcess): Promise<string | undefined> {
  if (stdout === null) throw new Error('the API has no output to read');
  for await (const line of createInterface({ input: stdout })) {
    stdout.pipe(process.stderr);
    return line;
  }
  return undefined;
}

async function announce(url: string, secret: string, json: boolean): Promise<void> {
  const ttl = usualLife();
  const token = await minted(secret, { sub: 'admin', role: 'platform_admin', ttl });
  const addresses = { console: `${url}/`, api: `${url}/api/v1`, docs: `${url}/api/docs`, token };
  if (json) printJson(addresses);
  else
    print(
      `console  ${addresses.console}\n` +
        `API      ${addresses.api}\n` +
        `docs     ${addresses.docs}\n` +
        `token    ${token}\n` +
        `         (platform_admin, ${ttl}; Ctrl-C stops)`,
    );
}
