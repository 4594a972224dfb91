import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { takeSecretFiles } from './secret-files.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'ledgerline-secrets-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const secret = path.join(folder, 'jwt');
writeFileSync(secret, 'a secret of at least 32 characters\n');

it('reads a secret from the file that its variable names, without the end of the line', () => {
  const environment = { LEDGERLINE_JWT_SECRET_FILE: secret, DATABASE_URL: 'x', DATABASE_URL_FILE: '' };
  takeSecretFiles(environment);
  const taken = { ...environment, LEDGERLINE_JWT_SECRET: 'a secret of at least 32 characters' };
  expect(environment).toEqual({ ...taken, LEDGERLINE_JWT_SECRET_FILE: '' });
  // As a process that this one starts.
  takeSecretFiles(environment);
  expect(environment).toEqual({ ...taken, LEDGERLINE_JWT_SECRET_FILE: '' });
});

it('refuses a secret that is given twice, and a file that is not there', () => {
  expect(() => takeSecretFiles({ DATABASE_URL: 'x', DATABASE_URL_FILE: secret })).toThrow(
    'both DATABASE_URL and DATABASE_URL_FILE are set. Nothing was started. Unset one of them.',
  );
  expect(() => takeSecretFiles({ EVENT_STORE_URL_FILE: `${folder}/none` })).toThrow(
    `EVENT_STORE_URL_FILE: ${folder}/none can't be read (ENOENT). Nothing was started.`,
  );
});
