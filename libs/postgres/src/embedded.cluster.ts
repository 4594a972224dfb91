import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, chown, constants, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseError, reason } from './errors.js';
import {
  LOCATION_FILE,
  methodsHere,
  type Placement,
  type PlacementMethod,
  placeElsewhere,
  placeInside,
  placeOf,
  readLocation,
  REACHABLE_FOLDERS,
  removeBase,
  runnerOf,
} from './embedded.placement.js';
import { run, type Runner } from './embedded.runner.js';

export interface Cluster {
  /** The data directory of Postgres. */
  readonly dataFolder: string;
  /** What starts it. */
  runner(): Promise<Runner>;
  readonly password: string;
  /** The log of the server, always in the user's data directory. */
  readonly logFile: string;
}

export interface ClusterOptions {
  readonly dataDir: string;
  readonly nativeFolder: string;
  /** Overrides the method that suits this machine. */
  readonly methods?: readonly PlacementMethod[];
  /** Parent folders for a cluster `elsewhere`, instead of /var/lib and /var/tmp. */
  readonly reachable?: readonly string[];
  readonly log?: (message: string) => void;
}

export const SUPERUSER = 'postgres';
const PASSWORD_FILE = 'password';
const PASSWORD_BYTES = 24;
const DRAFT = /^postgres\.init-(\d+)-[0-9a-f]+$/;

/**
 * The cluster of a data directory. A missing one is made in a temporary folder and renamed into place, with its
 * password. So `postgres/` is either complete or missing, even if processes are killed or several make it at the same
 * time.
 */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const dataDir = await usableFolder(options.dataDir);
  const clusterFolder = path.join(dataDir, 'postgres');
  if (!existsSync(clusterFolder)) {
    await removeDeadDrafts(dataDir);
    await makeCluster(clusterFolder, options);
  }
  const password = await readFile(path.join(clusterFolder, PASSWORD_FILE), 'utf8').catch((error: unknown) => {
    throw unusable(clusterFolder, error);
  });
  const place = await placeOf(clusterFolder);
  const runner = async (): Promise<Runner> => runnerOf(options.nativeFolder, place);
  return {
    dataFolder: place.dataFolder,
    runner,
    password: password.trim(),
    logFile: path.join(dataDir, 'postgres.log'),
  };
}

async function usableFolder(dataDir: string): Promise<string> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return await realpath(dataDir);
  } catch (error) {
    throw unusable(dataDir, error);
  }
}

const unusable = (folder: string, error: unknown): DatabaseError =>
  new DatabaseError(
    'data_directory_unusable',
    `the data directory can't be used: ${reason(error)}. Make ${folder} readable and writable for you, or ` +
      `choose another one with --data-dir.`,
    { cause: error },
  );

async function makeCluster(clusterFolder: string, options: ClusterOptions): Promise<void> {
  options.log?.(`initialising an embedded Postgres in ${clusterFolder}`);
  const draft = `${clusterFolder}.init-${process.pid}-${randomBytes(4).toString('hex')}`;
  await mkdir(draft, { mode: 0o700 });
  try {
    const placement = await place(draft, options);
    await initialise(placement, draft);
    await rename(draft, clusterFolder);
  } catch (error) {
    const base = await readLocation(draft);
    if (base !== undefined) await removeBase(base);
    await rm(draft, { recursive: true, force: true });
    // Another process was first. Its cluster is used.
    if (!existsSync(clusterFolder)) throw error;
  }
}

async function place(draft: string, options: ClusterOptions): Promise<Placement> {
  const { nativeFolder, methods = methodsHere(), reachable = REACHABLE_FOLDERS } = options;
  const reasons: string[] = [];
  for (const method of methods) {
    const placement =
      method === 'elsewhere'
        ? await placeElsewhere(nativeFolder, reachable, (base) =>
            writeFile(path.join(draft, LOCATION_FILE), `${base}\n`),
          )
        : await placeInside(method, nativeFolder, draft);
    if ('runner' in placement) return placement;
    reasons.push(`${method}: ${placement.impossible}`);
  }
  throw new DatabaseError(
    'embedded_placement_impossible',
    `this user can't run the embedded Postgres on this machine: ${reasons.join('; ')}. ` +
      'Run as another user, or set DATABASE_URL to your own Postgres.',
  );
}

async function initialise({ runner, dataFolder }: Placement, draft: string): Promise<void> {
  const password = randomBytes(PASSWORD_BYTES).toString('base64url');
  await writeFile(path.join(draft, PASSWORD_FILE), `${password}\n`, { mode: 0o600 });
  // For initdb, whose user may not be able to enter the data directory.
  const passwordForInit = path.join(dataFolder, '..', 'password.init');
  await writeFile(passwordForInit, `${password}\n`, { mode: 0o600 });
  if (runner.user !== undefined) await chown(passwordForInit, runner.user.uid, runner.user.gid);
  const initialised = await run(runner, 'initdb', [
    '-D',
    dataFolder,
    '--username',
    SUPERUSER,
    '--auth=scram-sha-256',
    '--pwfile',
    passwordForInit,
    '--encoding=UTF8',
    // Sorts byte by byte, so the same on every machine.
    '--no-locale',
  ]);
  await rm(passwordForInit);
  if (initialised.ok) return;
  throw new DatabaseError(
    'embedded_init_failed',
    `initdb failed on ${dataFolder}. Fix the reported problem (disk space?) and retry:\n${initialised.output}`,
  );
}

/** Removes what killed processes left in the middle of initdb. */
async function removeDeadDrafts(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const pid = DRAFT.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const draft = path.join(dataDir, name);
    const base = await readLocation(draft);
    if (base !== undefined) await removeBase(base);
    await rm(draft, { recursive: true, force: true });
  }
}

/** Also true for a process that we may not signal. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
