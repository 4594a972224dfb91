import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tokenRulesFrom } from '#runtime/environment';
import { mintToken, type TokenClaims } from '#runtime/token';
import { hasCode } from './errors.js';
import { now } from './session.js';

/** The secret that signs tokens. The first use creates it in the data directory; only its owner can read it. */
export async function secretIn(dataDir: string): Promise<string> {
  const given = process.env['LEDGERLINE_JWT_SECRET'];
  if (given !== undefined && given !== '') return given;
  await mkdir(dataDir, { recursive: true });
  const file = join(dataDir, 'jwt-secret');
  try {
    await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  return readFile(file, 'utf8');
}

/** A token with the issuer and the audience that the API wants. */
export async function minted(secret: string, claims: Omit<TokenClaims, 'issuer' | 'audience'>): Promise<string> {
  const { issuer, audiences: [audience] = [] } = tokenRulesFrom(process.env);
  return mintToken(
    secret,
    {
      ...claims,
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    },
    now(),
  );
}
