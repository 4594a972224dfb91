import { existsSync, statSync } from 'node:fs';
import { glob, readdir } from 'node:fs/promises';
import path from 'node:path';
import { readJson } from './input.js';
import { isObject } from './output.js';

/** The files that an import or `--detect` writes. A pattern or a folder does not mean them. */
const WRITTEN_BY_US = /\.(?:(?:rejects|notes)\.jsonl|map\.json)$/;
const MANIFEST = /manifest\.json$/i;

/**
 * The files that the arguments name: each a file; a manifest, as AWS and Azure write it beside the files of a delivery;
 * a folder or a pattern that the shell did not expand. These mean all files in them, but if there is a manifest only
 * those that it names: older assemblies of a month may lie beside it. Errors: nothing matches, a file of a manifest is
 * missing, or manifests may be of the same month, also those beside the files.
 */
export async function allFilesOf(named: readonly string[]): Promise<string[]> {
  const files = await Promise.all(named.map(filesOf));
  await assertOneRun(files.filter((_, index) => !MANIFEST.test(named[index] ?? '')).flat());
  return files.flat();
}

async function assertOneRun(files: readonly string[]): Promise<void> {
  const folders = [...new Set(files.map((file) => path.dirname(file)))].filter((folder) => existsSync(folder));
  const beside = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name) => path.join(folder, name))),
  );
  const named = new Set(files.map((file) => path.basename(file)));
  const manifests = [...(await manifestsIn(beside.flat()))].filter(([, keys]) =>
    keys.some((key) => named.has(path.posix.basename(key))),
  );
  topOf(manifests);
}

/** The files that one argument names: see `allFilesOf`. */
export async function filesOf(named: string): Promise<string[]> {
  if (existsSync(named)) {
    if (statSync(named).isDirectory()) return inFolder(named);
    return MANIFEST.test(named) ? ofManifest(named, await keysOf(named)) : [named];
  }
  return /[*?[{]/.test(named) ? matching(named) : [named];
}

async function inFolder(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && !IS_MARKER.test(entry.name)) found.push(path.join(entry.parentPath, entry.name));
  const files = await ofDelivery(found.filter((name) => !WRITTEN_BY_US.test(name)));
  if (files.length === 0) throw new Error(`there is no file in ${folder}`);
  return files;
}

/** Files that programs leave beside data, such as `_SUCCESS`. */
const IS_MARKER = /^[._]/;

async function ofDelivery(found: readonly string[]): Promise<string[]> {
  const top = topOf([...(await manifestsIn(found))]);
  return top === undefined ? found.filter((name) => !MANIFEST.test(name)).sort() : ofManifest(...top);
}

type Manifest = readonly [name: string, keys: readonly string[]];

async function manifestsIn(found: readonly string[]): Promise<Map<string, readonly string[]>> {
  const manifests = new Map<string, readonly string[]>();
  for (const name of found.filter((each) => MANIFEST.test(each)).sort()) {
    const keys = await keysOf(name);
    // Other programs write manifests that name no files in these ways: they are no bills either.
    if (keys.length > 0) manifests.set(name, keys);
  }
  return manifests;
}

/** AWS copies the manifest of a month into the folder of each of its assemblies: the one above them counts. */
function topOf(manifests: readonly Manifest[]): Manifest | undefined {
  const folders = manifests.map(([name]) => path.dirname(name));
  const [first, second] = manifests.filter(([name]) => !folders.some((above) => isBelow(path.dirname(name), above)));
  if (first !== undefined && second !== undefined)
    throw new Error(
      `${first[0]} and ${second[0]} are manifests, perhaps of the same month. Name each manifest to import.`,
    );
  return first;
}

function isBelow(folder: string, above: string): boolean {
  const steps = path.relative(above, folder);
  return steps !== '' && steps.split(path.sep)[0] !== '..' && !path.isAbsolute(steps);
}

async function matching(pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const each of glob(pattern))
    if (WRITTEN_BY_US.test(pattern) || !WRITTEN_BY_US.test(each)) found.push(each);
  if (found.length === 0) throw new Error(`no file matches ${pattern}`);
  return ofDelivery(found);
}

/** The folder of a manifest, and those above it: there, a file of another month may have the same name. */
const ABOVE = ['.', '..', '../..', '../../..'];

/** The files of a delivery: `reportKeys` of AWS's reports, `dataFiles` of its data exports, `blobs` of Azure's. */
function ofManifest(manifest: string, keys: readonly string[]): string[] {
  if (keys.length === 0)
    throw new Error(
      `${manifest} names no files: it has none of "reportKeys", "dataFiles" and "blobs". Name the files instead.`,
    );
  const folder = path.dirname(manifest);
  return keys.map((key) => {
    const steps = key.replace(/^s3:\/\/[^/]+\//, '').split('/');
    // Data exports have their manifests in `metadata` and their files in `data`.
    const candidates = steps.flatMap((_, from) =>
      (from === steps.length - 1 ? [folder] : ABOVE.map((above) => path.join(folder, above))).map((each) =>
        path.join(each, ...steps.slice(from)),
      ),
    );
    const found = candidates.find((candidate) => existsSync(candidate));
    if (found === undefined)
      throw new Error(`${manifest} names ${key}, which is not beside it. Download it to ${folder}, then import again.`);
    return found;
  });
}

async function keysOf(manifest: string): Promise<string[]> {
  const content = await readJson(manifest);
  if (!isObject(content)) return [];
  const { reportKeys, dataFiles, blobs } = content;
  const names = Array.isArray(blobs) ? blobs.map((blob: unknown) => isObject(blob) && blob['blobName']) : [];
  return [reportKeys, dataFiles, names].flatMap((list) =>
    Array.isArray(list) ? list.filter((each) => typeof each === 'string') : [],
  );
}
