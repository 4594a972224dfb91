import { chmod, chown, cp, lchown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseError, reason } from './errors.js';
import { currentUid, hasName, inNamespace, probe, ROOT_UID, type Runner, unprivilegedUser } from './embedded.runner.js';

/**
 * Where Postgres's files are, and as whom it runs.
 * `plain`: in the data directory, as us. `namespace`: in the data directory, in a user namespace where we are not root.
 * `elsewhere`: as an unprivileged user, in a folder that this user can reach, noted in the data directory.
 */
export type PlacementMethod = 'plain' | 'namespace' | 'elsewhere';

export interface Placement {
  readonly runner: Runner;
  /** Postgres's own data directory. */
  readonly dataFolder: string;
}

/** Kept where the machine's own databases are; /var/tmp outlives a restart, but may be swept after a month. */
export const REACHABLE_FOLDERS: readonly string[] = ['/var/lib/ledgerline', '/var/tmp/ledgerline'];

const BASE_NAME = /^ledgerline-\w{6}$/;
/** In the cluster's folder: the path of the folder elsewhere. */
export const LOCATION_FILE = 'location';

/** What to try for a new cluster, best first. */
export function methodsHere(): readonly PlacementMethod[] {
  if (currentUid() === ROOT_UID) return ['namespace', 'elsewhere'];
  return hasName() ? ['plain'] : ['namespace'];
}

/** In a folder of ours; `impossible` says why not. */
export async function placeInside(
  method: 'plain' | 'namespace',
  nativeFolder: string,
  folder: string,
): Promise<Placement | { readonly impossible: string }> {
  const runner = method === 'plain' ? { nativeFolder, prefix: [] } : namespaceRunner(nativeFolder);
  if (runner === undefined) return { impossible: 'no account but root in /etc/passwd' };
  const tried = await probe(runner, folder);
  if (!tried.ok) return { impossible: tried.output };
  const dataFolder = path.join(folder, 'data');
  await mkdir(dataFolder, { mode: 0o700 });
  return { runner, dataFolder };
}

function namespaceRunner(nativeFolder: string): Runner | undefined {
  const user = unprivilegedUser();
  return user === undefined ? undefined : inNamespace(nativeFolder, user);
}

/** In a new folder below the first of `reachable` that an unprivileged user can use; `note` is told its path first. */
export async function placeElsewhere(
  nativeFolder: string,
  reachable: readonly string[],
  note: (base: string) => Promise<void>,
): Promise<Placement | { readonly impossible: string }> {
  const user = unprivilegedUser();
  if (user === undefined) return { impossible: 'no account but root in /etc/passwd' };
  const reasons: string[] = [];
  for (const parent of reachable) {
    let base: string | undefined;
    try {
      await mkdir(parent, { recursive: true });
      base = await mkdtemp(path.join(parent, 'ledgerline-'));
      await note(base);
      await chmod(base, 0o711);
      const dataFolder = path.join(base, 'data');
      await mkdir(dataFolder, { mode: 0o700 });
      await chown(dataFolder, user.uid, user.gid);
      const runner = await reachableRunner({ nativeFolder, prefix: [], user }, base, dataFolder);
      if ('prefix' in runner) return { runner, dataFolder };
      reasons.push(`${base}: ${runner.impossible}`);
    } catch (error) {
      reasons.push(reason(error));
    }
    if (base !== undefined) await removeBase(base);
  }
  return { impossible: reasons.join('; ') };
}

/** The placement of a cluster that exists: it runs as the owner of its files. */
export async function placementOf(nativeFolder: string, clusterFolder: string): Promise<Placement> {
  const base = await readLocation(clusterFolder);
  const dataFolder = path.join(base ?? clusterFolder, 'data');
  const owner = await stat(dataFolder).catch((error: unknown) => {
    throw new DatabaseError(
      'data_directory_unusable',
      `the database of ${clusterFolder} is in ${dataFolder}, which can't be read (${reason(error)}): ` +
        `put that folder back, or remove ${clusterFolder} to begin with an empty ledger`,
      { cause: error },
    );
  });
  const uid = currentUid();
  if (uid !== ROOT_UID && uid !== owner.uid) {
    throw new DatabaseError(
      'data_directory_unusable',
      `${dataFolder} belongs to user ${owner.uid}, and you are user ${uid}: run as that user or as root, or ` +
        `give another data directory`,
    );
  }
  if (uid !== ROOT_UID && hasName()) return { runner: { nativeFolder, prefix: [] }, dataFolder };
  const runner =
    uid === owner.uid
      ? namespaceRunner(nativeFolder)
      : await reachableRunner({ nativeFolder, prefix: [], user: { uid: owner.uid, gid: owner.gid } }, base, dataFolder);
  const tried = runner === undefined || !('prefix' in runner) ? undefined : await probe(runner, dataFolder);
  if (runner !== undefined && 'prefix' in runner && tried?.ok === true) return { runner, dataFolder };
  const why =
    runner !== undefined && 'impossible' in runner
      ? runner.impossible
      : (tried?.output ?? 'no account but root in /etc/passwd');
  throw new DatabaseError(
    'embedded_placement_impossible',
    `Postgres can't be run on ${dataFolder} (${why}): it was made where user namespaces are allowed or by ` +
      `another user; ` +
      'run it there or as that user, or set DATABASE_URL to a Postgres of your own',
  );
}

/** The runner itself, if its user reaches our node_modules; else with a copy of the binaries in `base`. */
async function reachableRunner(
  runner: Runner,
  base: string | undefined,
  folder: string,
): Promise<Runner | { readonly impossible: string }> {
  const tried = await probe(runner, folder);
  if (tried.ok || base === undefined || runner.user === undefined)
    return tried.ok ? runner : { impossible: tried.output };
  const copied = { ...runner, nativeFolder: await copyBinaries(runner.nativeFolder, base, runner.user) };
  const again = await probe(copied, folder);
  return again.ok ? copied : { impossible: again.output };
}

/** 50 MB, once for each version of the package; what only a compiler needs is left out. */
async function copyBinaries(nativeFolder: string, base: string, user: { uid: number; gid: number }): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(path.join(nativeFolder, '../package.json'), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
  const copy = path.join(base, `native-${version}`);
  if (await isFolder(copy)) return copy;
  const draft = await mkdtemp(`${copy}.`);
  await cp(nativeFolder, draft, { recursive: true, verbatimSymlinks: true, filter: (file) => !file.endsWith('.a') });
  for (const file of [draft, ...(await readdir(draft, { recursive: true })).map((name) => path.join(draft, name))]) {
    await lchown(file, user.uid, user.gid);
  }
  // Whole or not at all, if we are killed or another process copies too.
  await rename(draft, copy).catch(async (error: unknown) => {
    await rm(draft, { recursive: true });
    if (!(await isFolder(copy))) throw error;
  });
  return copy;
}

const isFolder = (folder: string): Promise<boolean> =>
  stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** The folder elsewhere that a cluster's folder names, if it does. */
export async function readLocation(clusterFolder: string): Promise<string | undefined> {
  const text = await readFile(path.join(clusterFolder, LOCATION_FILE), 'utf8').catch(() => undefined);
  return text?.trim();
}

/** Only ever a folder that was made here by name: the path may have been read from a file. */
export async function removeBase(base: string): Promise<void> {
  if (BASE_NAME.test(path.basename(base))) await rm(base, { recursive: true, force: true });
}
