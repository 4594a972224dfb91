import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tokenRulesFrom } from '#runtime/environment';
import { mintToken, secondsOf, type TokenClaims } from '#runtime/token';
import { hasCode } from './errors.js';
import { now } from './session.js';
import { WrongUsage } from './wrong-usage.js';

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

const USUAL_LIFE = '30d';

/** How long a token is valid if nobody says it: 30 days, or the longest life that the API accepts. */
export function usualLife(): string {
  const { longestLife = USUAL_LIFE } = tokenRulesFrom(process.env);
  return secondsOf(longestLife) < secondsOf(USUAL_LIFE) ? longestLife : USUAL_LIFE;
}

/** Errors: wrong usage, if the API would refuse a token that is valid for so long. */
export function assertBriefEnough(ttl: string): void {
  const { longestLife } = tokenRulesFrom(process.env);
  if (longestLife !== undefined && secondsOf(ttl) > secondsOf(longestLife))
    throw new WrongUsage(`--expires ${ttl} is longer than LEDGERLINE_JWT_LONGEST_LIFE (${longestLife}) allows`);
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
