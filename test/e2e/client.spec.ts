import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { clientOf } from '../../clients/typescript/generate.js';
import { apiForAll } from '../support/api.js';

const api = apiForAll();
const folder = new URL('../../clients/typescript/', import.meta.url);

describe('the TypeScript client', () => {
  it('is up to date with the API (UPDATE_CLIENT=1 writes it again)', async () => {
    const file = new URL('ledgerline.ts', folder);
    const generated = clientOf((await api().get(null, '/api/docs-json')).body);
    if (process.env['UPDATE_CLIENT'] === '1') await writeFile(file, generated);
    expect(await readFile(file, 'utf8')).toBe(generated);
  });

  it('does what its example shows: sends usage twice, reads it back, and reports a refusal', async () => {
    const environment = {
      ...process.env,
      LEDGERLINE_URL: api().url,
      LEDGERLINE_TOKEN: api().tokens.get('operator') ?? '',
    };
    const child = spawn(
      process.execPath,
      ['--import', './test/support/typescript.js', 'clients/typescript/example.ts', 'acme-prod'],
      { env: environment, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const printed = await text(child.stdout);
    const readme = await readFile(new URL('README.md', folder), 'utf8');
    // (8 + 3 + 2) × 0.50 + 10.00 = 16.50
    expect(printed.trim().split('\n')).toHaveLength(8);
    expect(readme).toContain(printed.trim());
  });
});
