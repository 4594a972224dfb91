import { SignJWT } from 'jose';
import { invalid } from '#domain/errors';
import type { Instant } from '#domain/time/instant';
import type { Role } from '#ledger/caller';

export interface TokenClaims {
  readonly sub: string;
  readonly role: Role;
  readonly tenantId?: string;
  /** How long the token is valid: `15m`, `12h`, `30d`. */
  readonly ttl: string;
}

/** A bearer token, signed with HS256 and the shared secret, valid from `now`. */
export async function mintToken(
  secret: string,
  { sub, role, tenantId, ttl }: TokenClaims,
  now: Instant,
): Promise<string> {
  const issued = new Date(now);
  return new SignJWT({ role, ...(tenantId === undefined ? {} : { tenantId }) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuedAt(issued)
    .setExpirationTime(new Date(issued.getTime() + secondsOf(ttl) * 1000))
    .sign(new TextEncoder().encode(secret));
}

const SECONDS = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
]);

function secondsOf(ttl: string): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(ttl) ?? [];
  const seconds = SECONDS.get(unit ?? '');
  if (count === undefined || seconds === undefined)
    throw invalid('invalid_ttl', `ttl: ${JSON.stringify(ttl)} is not a duration such as "15m", "12h" or "30d"`);
  return Number(count) * seconds;
}
