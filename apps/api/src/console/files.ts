import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { StoredAnswer } from '../stored-answer.js';

const isBuilt = import.meta.url.endsWith('.js');
/** The built console: beside the built API, or in `dist` where the API runs from its sources. */
const FOLDER = fileURLToPath(new URL(isBuilt ? '../../console/' : '../../../../dist/apps/console/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/** The pages: the console, the reference of the API, and the editor of GraphQL queries. */
type Page = 'index' | 'reference' | 'graphiql';

interface Built {
  readonly pages: Readonly<Record<Page, string>>;
  /** By their names. */
  readonly assets: ReadonlyMap<string, StoredAnswer>;
}

/** All files that the build made for browsers. Errors: there are none. */
function built(): Built {
  if (!existsSync(FOLDER)) throw new Error(`${FOLDER} is missing. Run "npm run build" first.`);
  const page = (name: Page): string => readFileSync(path.join(FOLDER, `${name}.html`), 'utf8');
  const assets = globSync('assets/*', { cwd: FOLDER }).map((file): [string, StoredAnswer] => {
    const type = TYPES[path.extname(file)];
    if (type === undefined) throw new Error(`the console has a file of an unknown type: ${file}`);
    return [path.basename(file), new StoredAnswer(type, readFileSync(path.join(FOLDER, file)))];
  });
  return {
    pages: { index: page('index'), reference: page('reference'), graphiql: page('graphiql') },
    assets: new Map(assets),
  };
}

let known: Built | undefined;

export const consoleFiles = (): Built => (known ??= built());
