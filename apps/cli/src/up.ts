import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { mintToken } from '#ledger/token';
import { openDatabase } from '#postgres/pool';
import { print, printJson, say } from './output.js';
import { now } from './session.js';

const HOST = '127.0.0.1';
const TOKEN_TTL = '30d';

/** Serves until it is interrupted. API and worker are processes of their own; where one ends, all do, and it says which. */
export async function run(_args: readonly string[], options: { dataDir: string; json: boolean; port?: unknown }): Promise<number> {
  const database = await openDatabase({ databaseUrl: process.env['DATABASE_URL'], dataDir: options.dataDir, log: say });
  const secret = await secretIn(options.dataDir);
  const environment = { ...process.env, DATABASE_URL: database.url, LEDGERLINE_JWT_SECRET: secret, LEDGERLINE_HOST: HOST, LEDGERLINE_PORT: String(options.port) };
  const children: ChildProcess[] = [];
  let stopping = false;
  const stop = (): void => {
    stopping = true;
    for (const child of children) child.kill('SIGTERM');
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const api = start('api', environment);
    children.push(api);
    const url = await firstLine(api);
    const worker = start('worker', environment);
    children.push(worker);
    await announce(url, secret, options.json);
    const ended = children.map(async (child, index) => {
      const [code] = (await once(child, 'exit')) as [number | null];
      return { name: index === 0 ? 'API' : 'worker', code };
    });
    const first = await Promise.race(ended);
    if (!stopping) say(`the ${first.name} ended by itself (exit code ${first.code ?? 'none'}): stopping the rest; its messages are above`);
    const failed = !stopping;
    stop();
    await Promise.all(ended);
    return failed ? 1 : 0;
  } finally {
    stop();
    await database.close();
  }
}

function start(app: 'api' | 'worker', environment: NodeJS.ProcessEnv): ChildProcess {
  const main = fileURLToPath(new URL(`../../${app}/src/main.js`, import.meta.url));
  // Logs are messages: they go to stderr, and stdout stays for what `up` prints. The API's first line is its address.
  return spawn(process.execPath, [main], { env: environment, stdio: ['ignore', app === 'api' ? 'pipe' : 2, 'inherit'] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the API has no output to read');
  for await (const line of createInterface({ input: child.stdout })) {
    child.stdout.pipe(process.stderr);
    return line;
  }
  throw new Error('the API ended before it served; its message is above');
}

async function announce(url: string, secret: string, json: boolean): Promise<void> {
  const token = await mintToken(secret, { sub: 'admin', role: 'platform_admin', ttl: TOKEN_TTL }, now());
  const addresses = { console: `${url}/`, api: `${url}/api/v1`, docs: `${url}/api/docs`, token };
  if (json) printJson(addresses);
  else print(`console  ${addresses.console}\nAPI      ${addresses.api}\ndocs     ${addresses.docs}\ntoken    ${token}\n         (platform_admin, ${TOKEN_TTL}; Ctrl-C stops)`);
}

/** The secret that tokens are signed with: made once, readable by its owner only. */
async function secretIn(dataDir: string): Promise<string> {
  const given = process.env['LEDGERLINE_JWT_SECRET'];
  if (given !== undefined && given !== '') return given;
  await mkdir(dataDir, { recursive: true });
  const file = join(dataDir, 'jwt-secret');
  try {
    await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return readFile(file, 'utf8');
}
