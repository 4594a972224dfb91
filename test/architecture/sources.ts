import { globSync, readFileSync } from 'node:fs';

interface Source {
  readonly path: string;
  readonly text: string;
}

/** The TypeScript files under a folder, its path from the root of the repository, where Jest runs. */
export const sourcesIn = (folder: string): Source[] =>
  globSync(`${folder}/**/*.{ts,tsx}`)
    .sort()
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
