import { readFileSync } from 'node:fs';
import module from 'node:module';

const isBuilt = import.meta.url.endsWith('.js');
const program = readFileSync(new URL(isBuilt ? '../../console.js' : 'browser/console.ts', import.meta.url), 'utf8');

/**
 * The program of the console for the browser: compiled by the build, or stripped of its types if the API runs from
 * sources.
 */
export const CONSOLE_SCRIPT = isBuilt ? program : module.stripTypeScriptTypes(program);
