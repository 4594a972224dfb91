import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** The user and the folder from which the programs of Postgres are run. */
export interface Runner {
  /** Contains `bin/initdb` and `bin/postgres`. */
  readonly nativeFolder: string;
  /** The command before the program: `unshare …`, or nothing. */
  readonly prefix: readonly string[];
  /** The user to switch to if we are root. */
  readonly user?: User;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
}

export const ROOT_UID = 0;

/** The user of this process. On Windows nobody is root. */
export const currentUid = (): number => process.getuid?.() ?? -1;

/** initdb needs the name of its user, and fails if the machine has none (a container with an arbitrary user id). */
export function hasName(): boolean {
  try {
    os.userInfo();
    return true;
  } catch {
    return false;
  }
}

const PREFERRED_NAMES = ['postgres', 'nobody', 'daemon'];

/** An unprivileged account that has a name on this machine. */
export function unprivilegedUser(passwd = readFileSync('/etc/passwd', 'utf8')): User | undefined {
  const accounts = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > ROOT_UID && gid > ROOT_UID);
  const named = PREFERRED_NAMES.map((name) => accounts.find((account) => account.name === name));
  const preferred = named.find((account) => account !== undefined);
  const chosen = preferred ?? accounts[0];
  return chosen === undefined ? undefined : { uid: chosen.uid, gid: chosen.gid };
}

/**
 * In its own user namespace, the program sees itself as `user`, while the file system sees the present user. So
 * Postgres finds that it is not root, and can still enter the checkout below root's home.
 */
export function inNamespace(nativeFolder: string, { uid, gid }: User): Runner {
  return { nativeFolder, prefix: ['unshare', '-U', `--map-user=${uid}`, `--map-group=${gid}`, '--'] };
}

/** Removes the caller's PG… variables, and languages that would change messages or sorting. */
const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' });

export interface SpawnOptions {
  readonly stdio: StdioOptions;
  readonly detached?: boolean;
}

/** Starts a program of Postgres, or another program by its absolute path. */
export function start(
  runner: Runner,
  program: string,
  args: readonly string[],
  { stdio, detached = false }: SpawnOptions,
): ChildProcess {
  const [command = '', ...rest] = [...runner.prefix, path.resolve(runner.nativeFolder, 'bin', program), ...args];
  // From the root folder, because the user may not be able to enter the current one.
  return spawn(command, rest, { cwd: '/', env: environment(), stdio, detached, ...runner.user });
}

export interface Finished {
  readonly ok: boolean;
  /** Everything it printed, or the reason why it could not be started. */
  readonly output: string;
}

export async function run(runner: Runner, program: string, args: readonly string[]): Promise<Finished> {
  const child = start(runner, program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return { ok: code === 0, output: Buffer.concat(chunks).toString('utf8').trim() };
  } catch (error) {
    return { ok: false, output: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether the runner can start the programs of Postgres and write to a folder. */
export function probe(runner: Runner, folder: string): Promise<Finished> {
  const script = '"$0" --version >/dev/null || exit 1; test -w "$1" || { echo "can not write to $1"; exit 1; }';
  return run(runner, '/bin/sh', ['-c', script, path.join(runner.nativeFolder, 'bin/initdb'), folder]);
}
