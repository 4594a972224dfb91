import { readFileSync } from 'node:fs';

/** The version in package.json. The built CLI and what it shares are four folders below it. */
export function versionOfProduct(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest))
    throw new Error('package.json has no version');
  return String(manifest.version);
}
