import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const isBuilt = import.meta.url.endsWith('.js');
/** The built console: beside the built API, or in `dist` where the API runs from its sources. */
const FOLDER = fileURLToPath(new URL(isBuilt ? '../../console/' : '../../../../dist/apps/console/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

export interface ConsoleFile {
  readonly type: string;
  readonly bytes: Buffer;
}

/** All files of the built console, by their names. Errors: it was not built. */
function built(): { readonly page: string; readonly assets: ReadonlyMap<string, ConsoleFile> } {
  const page = path.join(FOLDER, 'index.html');
  if (!existsSync(page)) throw new Error(`${page} is missing. Run "npm run build" first.`);
  const assets = globSync('assets/*', { cwd: FOLDER }).map((file): [string, ConsoleFile] => {
    const type = TYPES[path.extname(file)];
    if (type === undefined) throw new Error(`the console has a file of an unknown type: ${file}`);
    return [path.basename(file), { type, bytes: readFileSync(path.join(FOLDER, file)) }];
  });
  return { page: readFileSync(page, 'utf8'), assets: new Map(assets) };
}

let known: ReturnType<typeof built> | undefined;

export const consoleFiles = (): ReturnType<typeof built> => (known ??= built());
