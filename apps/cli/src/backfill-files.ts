import { existsSync, statSync } from 'node:fs';
import { glob, readdir } from 'node:fs/promises';
import path from 'node:path';
import { readJson } from './input.js';

/** The files that an import writes. A pattern or a folder does not mean them. */
const WRITTEN_BY_IMPORT = /\.(rejects|notes)\.jsonl$/;
const MANIFEST = /manifest\.json$/i;

/**
 * The files that an argument names: a file; a folder, whose files are all meant; a manifest, as AWS writes it beside
 * the files of a delivery; or a pattern that the shell did not expand. Errors: nothing matches, or a file of a manifest
 * is missing.
 */
export async function filesOf(named: string): Promise<string[]> {
  if (existsSync(named)) {
    if (statSync(named).isDirectory()) return inFolder(named);
    return MANIFEST.test(named) ? ofManifest(named) : [named];
  }
  return /[*?[{]/.test(named) ? matching(named) : [named];
}

async function inFolder(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && !entry.name.startsWith('.') && isOfDelivery(entry.name))
      found.push(path.join(entry.parentPath, entry.name));
  if (found.length === 0) throw new Error(`there is no file in ${folder}`);
  return found.sort();
}

const isOfDelivery = (name: string): boolean => !WRITTEN_BY_IMPORT.test(name) && !MANIFEST.test(name);

async function matching(pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const each of glob(pattern))
    if (WRITTEN_BY_IMPORT.test(pattern) || !WRITTEN_BY_IMPORT.test(each)) found.push(each);
  if (found.length === 0) throw new Error(`no file matches ${pattern}`);
  return found.sort();
}

/** The files of a delivery by AWS: `reportKeys` of a cost and usage report, `dataFiles` of a data export. */
async function ofManifest(manifest: string): Promise<string[]> {
  const content = await readJson(manifest);
  const keys = keysIn(content);
  if (keys.length === 0)
    throw new Error(`${manifest} names no files: it has neither "reportKeys" nor "dataFiles". Name the files instead.`);
  const folder = path.dirname(manifest);
  return keys.map((key) => {
    const steps = key.replace(/^s3:\/\/[^/]+\//, '').split('/');
    const candidates = steps.map((_, from) => path.join(folder, ...steps.slice(from)));
    const found = candidates.find((candidate) => existsSync(candidate));
    if (found === undefined)
      throw new Error(`${manifest} names ${key}, which is not beside it. Download it to ${folder}, then import again.`);
    return found;
  });
}

function keysIn(content: unknown): string[] {
  if (typeof content !== 'object' || content === null) return [];
  const lists = ['reportKeys' in content ? content.reportKeys : [], 'dataFiles' in content ? content.dataFiles : []];
  return lists.flatMap((list) => (Array.isArray(list) ? list.filter((each) => typeof each === 'string') : []));
}
