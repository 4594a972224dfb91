/**
 * `node --import ./test/support/typescript.js FILE.ts` runs the sources, for the specs and for
 * processes that specs start (to kill them, or to run as another user): node itself neither finds `./x.ts` by `./x.js`
 * nor compiles all of TypeScript.
 */
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const globals = new URL('jest-globals.js', import.meta.url).href;
const isOurs = (url) => url?.startsWith('file:') === true && !url.includes('/node_modules/');

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === '@jest/globals') return next(globals, context);
    if (isOurs(context.parentURL) && /^\.{1,2}\/.*\.js$/.test(specifier)) {
      const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
      if (existsSync(source)) return next(source.href, context);
    }
    return next(specifier, context);
  },
  load(url, context, next) {
    // jest-light-runner imports a spec with a query, so that it is run each time.
    const [file] = url.split('?');
    if (!isOurs(file) || !file.endsWith('.ts')) return next(url, context);
    const { code } = transformSync(readFileSync(fileURLToPath(file), 'utf8'), {
      filename: fileURLToPath(file),
      sourceMaps: 'inline',
      swcrc: false,
      module: { type: 'es6' },
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
      },
    });
    return { format: 'module', source: code, shortCircuit: true };
  },
});
