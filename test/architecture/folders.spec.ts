import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { sourcesIn } from './sources.js';

/**
 * Which folders import which. dependency-cruiser finds circles of files; a circle of folders means that none of them
 * can be read, or moved, without the others. A file that lies directly in a root is a folder of its own. Jest runs in
 * the root of the repository.
 */

const zPackage = z.object({ imports: z.record(z.string(), z.string()) });
const aliases = new Map(
  Object.entries(zPackage.parse(JSON.parse(readFileSync('package.json', 'utf8'))).imports).map(
    ([alias, source]) => [alias.replace('/*', ''), path.normalize(source.replace('/*.ts', ''))] as const,
  ),
);

const sources = ['apps', 'libs', 'projections']
  .flatMap(sourcesIn)
  .filter((source) => !source.path.endsWith('.spec.ts'));
const roots = new Set([...aliases.values(), ...sources.map((source) => path.dirname(source.path)).filter(isSource)]);

function isSource(folder: string): boolean {
  return folder.endsWith('/src');
}

const roomOf = (file: string): string =>
  roots.has(path.dirname(file)) ? file.replace(/\.(js|ts)$/, '') : path.dirname(file);

function target(importer: string, name: string): string | undefined {
  if (name.startsWith('.')) return path.join(path.dirname(importer), name);
  const [alias = '', ...rest] = name.split('/');
  const root = aliases.get(alias);
  return root === undefined ? undefined : path.join(root, `${rest.join('/')}.ts`);
}

function importsOf({ path: importer, text }: { readonly path: string; readonly text: string }): string[] {
  const names = [...text.matchAll(/\bfrom '([.#][^']+)'/g)].map(([, name = '']) => name);
  return names.flatMap((name) => target(importer, name) ?? []).map(roomOf);
}

function folderImports(): Map<string, Set<string>> {
  const imports = new Map<string, Set<string>>();
  for (const source of sources) {
    const room = roomOf(source.path);
    const known = imports.get(room) ?? new Set();
    imports.set(room, known);
    for (const other of importsOf(source)) if (other !== room) known.add(other);
  }
  return imports;
}

/** All that a folder leads to, itself included only where it is in a circle. */
function reachable(from: string, imports: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const found = new Set<string>();
  const next = [...(imports.get(from) ?? [])];
  for (let room = next.pop(); room !== undefined; room = next.pop()) {
    if (found.has(room)) continue;
    found.add(room);
    next.push(...(imports.get(room) ?? []));
  }
  return found;
}

describe('folders', () => {
  const imports = folderImports();

  it('are found, with their imports', () => {
    expect(imports.get('libs/domain/src/invoices')).toContain('libs/domain/src/lines');
    expect(imports.get('libs/ledger/src/query')).toContain('libs/ledger/src/caller');
  });

  it('never import each other in a circle', () => {
    const inCircle = [...imports.keys()].filter((room) => reachable(room, imports).has(room));
    expect(inCircle).toEqual([]);
  });

  it('are in roots with at most a fifth of the lines each', () => {
    const lines = new Map<string, number>();
    for (const { path: file, text } of sources) {
      const root = file
        .split('/')
        .slice(0, file.startsWith('projections/') ? 1 : 2)
        .join('/');
      lines.set(root, (lines.get(root) ?? 0) + text.split('\n').length);
    }
    const all = [...lines.values()].reduce((total, each) => total + each, 0);
    expect([...lines].filter(([, each]) => each * 5 > all)).toEqual([]);
  });
});
