import { readFileSync } from 'node:fs';
import module from 'node:module';

const isBuilt = import.meta.url.endsWith('.js');
const program = readFileSync(new URL(`browser/console.${isBuilt ? 'js' : 'ts'}`, import.meta.url), 'utf8');

/** The console's program for the browser: compiled by the build, stripped of its types where the API runs from its sources. */
export const CONSOLE_SCRIPT = isBuilt ? program : module.stripTypeScriptTypes(program);
