import { chmod, chown, cp, lchown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseError, reason } from './errors.js';
import { currentUid, hasName, inNamespace, probe, ROOT_UID, type Runner, unprivilegedUser } from './embedded.runner.js';

/**
 * Where the files of Postgres are, and which user runs it.
 * `plain`: in the data directory, as the present user. `namespace`: in the data directory, in a user namespace in which
 * we are not root. `elsewhere`: as an unprivileged user, in a folder that this user can reach. Its path is in the data
 * directory.
 */
export type PlacementMethod = 'plain' | 'namespace' | 'elsewhere';

export interface Placement {
  readonly runner: Runner;
  /** The data directory of Postgres. */
  readonly dataFolder: string;
}

/** /var/lib holds the databases of the machine. /var/tmp survives a restart, but may be cleaned after a month. */
export const REACHABLE_FOLDERS: readonly string[] = ['/var/lib/ledgerline', '/var/tmp/ledgerline'];

const BASE_NAME = /^ledgerline-\w{6}$/;
/** A file in the folder of the cluster: the path of the folder elsewhere. */
export const LOCATION_FILE = 'location';

/** The methods for a new cluster, best first. */
export function methodsHere(): readonly PlacementMethod[] {
  if (currentUid() === ROOT_UID) return ['namespace', 'elsewhere'];
  return hasName() ? ['plain'] : ['namespace'];
}

/** In a folder of ours. `impossible` gives the reason if it can't be used. */
export async function placeInside(
  method: 'plain' | 'namespace',
  nativeFolder: string,
  folder: string,
): Promise<Placement | { readonly impossible: string }> {
  const runner = method === 'plain' ? { nativeFolder, prefix: [] } : namespaceRunner(nativeFolder);
  if (runner === undefined) return { impossible: 'no account except root in /etc/passwd' };
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

/** In a new folder below the first of `reachable` that an unprivileged user can use. `note` receives its path first. */
export async function placeElsewhere(
  nativeFolder: string,
  reachable: readonly string[],
  note: (base: string) => Promise<void>,
): Promise<Placement | { readonly impossible: string }> {
  const user = unprivilegedUser();
  if (user === undefined) return { impossible: 'no account except root in /etc/passwd' };
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

/** Where the files of an existing cluster are, and who owns them. */
export interface ExistingPlace {
  /** Our folder elsewhere, if they are in one. */
  readonly base: string | undefined;
  readonly dataFolder: string;
  readonly owner: { readonly uid: number; readonly gid: number };
}

export async function placeOf(clusterFolder: string): Promise<ExistingPlace> {
  const base = await readLocation(clusterFolder);
  const dataFolder = path.join(base ?? clusterFolder, 'data');
  const owner = await stat(dataFolder).catch((error: unknown) => {
    throw new DatabaseError(
      'data_directory_unusable',
      `the database of ${clusterFolder} is in ${dataFolder}, which can't be read (${reason(error)}). ` +
        `Restore that folder, or remove ${clusterFolder} to start with an empty ledger.`,
      { cause: error },
    );
  });
  const uid = currentUid();
  if (uid !== ROOT_UID && uid !== owner.uid) {
    throw new DatabaseError(
      'data_directory_unusable',
      `${dataFolder} belongs to user ${owner.uid}, but you are user ${uid}. Run as that user or as root, or ` +
        `choose another data directory.`,
    );
  }
  return { base, dataFolder, owner };
}

/** An existing cluster runs as the owner of its files. To find out how starts a process: only for who starts it. */
export async function runnerOf(nativeFolder: string, { base, dataFolder, owner }: ExistingPlace): Promise<Runner> {
  const uid = currentUid();
  if (uid !== ROOT_UID && hasName()) return { nativeFolder, prefix: [] };
  const runner =
    uid === owner.uid
      ? namespaceRunner(nativeFolder)
      : await reachableRunner({ nativeFolder, prefix: [], user: { uid: owner.uid, gid: owner.gid } }, base, dataFolder);
  const tried = runner === undefined || !('prefix' in runner) ? undefined : await probe(runner, dataFolder);
  if (runner !== undefined && 'prefix' in runner && tried?.ok === true) return runner;
  const why =
    runner !== undefined && 'impossible' in runner
      ? runner.impossible
      : (tried?.output ?? 'no account except root in /etc/passwd');
  throw new DatabaseError(
    'embedded_placement_impossible',
    `Postgres can't be run on ${dataFolder} (${why}). It was made by another user, or on a machine that allows ` +
      'user namespaces. Run it there or as that user, or set DATABASE_URL to your own Postgres.',
  );
}

/**
 * The runner itself if its user can read our node_modules. Otherwise a runner with a copy of the binaries in `base`.
 */
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

/** 50 MB, once per version of the package. Files that only a compiler needs are not copied. */
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
  // Complete or missing, even if we are killed or another process copies too.
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

/** The folder elsewhere that the folder of a cluster names, if any. */
export async function readLocation(clusterFolder: string): Promise<string | undefined> {
  const text = await readFile(path.join(clusterFolder, LOCATION_FILE), 'utf8').catch(() => undefined);
  return text?.trim();
}

/** Removes only a folder with a name made here: the path may come from a file. */
export async function removeBase(base: string): Promise<void> {
  if (BASE_NAME.test(path.basename(base))) await rm(base, { recursive: true, force: true });
}
