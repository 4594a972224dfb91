import { SignJWT } from 'jose';
import { invalid } from '#domain/errors';
import type { Instant } from '#domain/time/instant';
import type { Role } from '#ledger/caller';

export interface TokenClaims {
  /** The id of the token (`jti`), by which it can be revoked. */
  readonly id?: string;
  readonly sub: string;
  readonly role: Role;
  readonly tenantId?: string;
  /** How long the token is valid: `15m`, `12h`, `30d`; or until when. */
  readonly ttl: string | { readonly until: Instant };
  readonly issuer?: string;
  readonly audience?: string;
}

/** What a token must have besides its signature, its subject and its role. */
export interface TokenRules {
  /** The only accepted issuer (`iss`). Without it: any or none. */
  readonly issuer?: string;
  /** One of these must be among the audiences of the token (`aud`). Without them: any or none. */
  readonly audiences?: readonly string[];
  /** true: a token without an expiry (`exp`) is accepted. */
  readonly withoutEnd?: boolean;
  /** The longest time from issue (`iat`) to expiry, such as `30d`. Without it: any time. */
  readonly longestLife?: string;
}

/** A bearer token, signed with HS256 and the shared secret, valid from `now`. */
export async function mintToken(
  secret: string,
  { id, sub, role, tenantId, ttl, issuer, audience }: TokenClaims,
  now: Instant,
): Promise<string> {
  const issued = new Date(now);
  return new SignJWT({
    role,
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(id === undefined ? {} : { jti: id }),
    ...(issuer === undefined ? {} : { iss: issuer }),
    ...(audience === undefined ? {} : { aud: audience }),
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuedAt(issued)
    .setExpirationTime(
      typeof ttl === 'string' ? new Date(issued.getTime() + secondsOf(ttl) * 1000) : new Date(ttl.until),
    )
    .sign(new TextEncoder().encode(secret));
}

/** At most 999,999 days: a date so far from now is still a valid Date. */
export const DURATION = /^(\d{1,6})([smhd])$/;
const SECONDS = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
]);

/** `15m` is 900. Errors: `invalid_ttl`. */
export function secondsOf(ttl: string): number {
  const [, count, unit] = DURATION.exec(ttl) ?? [];
  const seconds = SECONDS.get(unit ?? '');
  if (count === undefined || seconds === undefined)
    throw invalid('invalid_ttl', `${JSON.stringify(ttl)} is not a duration such as "15m", "12h" or "30d"`);
  return Number(count) * seconds;
}
