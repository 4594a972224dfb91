import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose';
import { z } from 'zod';
import { DomainError } from '#domain/errors';
import { zId } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { type Caller, ROLES, ROLES_OF_TENANTS } from '#ledger/caller';
import { traceparentNow } from '#runtime/telemetry/ledger-tracing';
import { secondsOf, type TokenRules } from '#runtime/token';
import type { RequestIds } from '../http.js';
import { Unauthenticated } from '../problem.js';
import { PublishedKeys } from './published-keys.js';
import type { Revocations } from './revocations.js';

const SHARED = 'HS256';
/** Only algorithms with public keys. Without HS256, nobody can sign with a published key as the secret. */
const PUBLISHED = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'];

/** Enough for a fleet of collectors. Above this, the cache starts again empty. */
const MOST_KNOWN = 10_000;

const zClaims = z.object({
  // Events name the actor: two names that look alike would be two actors.
  sub: zId.refine((sub) => sub.trim() === sub, 'begins or ends with a space'),
  jti: zId.optional(),
  role: z.string().optional(),
  roles: z.array(z.string()).optional(),
  tenantId: zId.optional(),
});

const bearerIn = (authorization: string | undefined): string | undefined =>
  /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1];
const dateOf = (at: Instant): Date => new Date(at);
const secretOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A valid token, its caller, and its expiry. */
export interface Held {
  readonly caller: Caller;
  readonly token: string;
  /** null: it does not expire. */
  readonly expires: Date | null;
  /** The id by which it can be revoked. */
  readonly tokenId?: string;
}

/** Reads bearer tokens: HS256 with the shared secret, other algorithms with the published keys. */
export class TokenReader {
  private readonly secret: Uint8Array;
  private readonly published: PublishedKeys | undefined;
  /** Tokens with a verified HS256 signature. Their times are still checked on every use. */
  private readonly known = new Map<string, JWTPayload>();
  private revocations: Revocations | undefined;

  constructor(
    secret: string,
    jwksUrl: string | undefined,
    private readonly rules: TokenRules = {},
  ) {
    this.secret = secretOf(secret);
    this.published = jwksUrl === undefined ? undefined : new PublishedKeys(jwksUrl);
  }

  /** From now on, a token with an id (`jti`) is refused if it is revoked. */
  refuseRevoked(revocations: Revocations): void {
    this.revocations = revocations;
  }

  /**
   * The caller and the expiry of the token. Errors: Unauthenticated (401); `unknown_role`, `no_tenant` and
   * `tenant_not_allowed` (403); `keys_unavailable`
   * (503), if the keys can't be fetched.
   */
  async read(authorization: string | undefined, now: Instant, ids: RequestIds): Promise<Held> {
    const token = bearerIn(authorization);
    if (token === undefined) throw new Unauthenticated('no token. Send Authorization: Bearer …');
    const payload = await this.verified(token, now);
    const claims = zClaims.safeParse(payload);
    if (!claims.success)
      throw new Unauthenticated(
        'the token has a missing or invalid claim. It needs sub, without spaces around it, and role, and for role' +
          ' tenant a tenantId.',
      );
    const { sub, jti, roles, tenantId } = claims.data;
    const named = jti === undefined ? {} : { tokenId: jti };
    await this.assertNotRevoked(named, now);
    const role = claims.data.role ?? roles?.[0];
    const known = ROLES.find((each) => each === role);
    if (known === undefined)
      throw new DomainError('unknown_role', `the token's role must be one of ${ROLES.join(', ')}`, 'forbidden');
    if (known === 'tenant' && tenantId === undefined)
      throw new DomainError('no_tenant', 'a token with role tenant must have a tenantId', 'forbidden');
    if (tenantId !== undefined && !ROLES_OF_TENANTS.includes(known))
      throw new DomainError(
        'tenant_not_allowed',
        `a token with role ${known} reads all tenants, so it must not have a tenantId. Use role tenant, or omit it.`,
        'forbidden',
      );
    const traceparent = traceparentNow();
    const caller = {
      actor: sub,
      role: known,
      ...(tenantId === undefined ? {} : { tenantId }),
      now,
      ...ids,
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    return { caller, token, expires: expiryOf(payload), ...named };
  }

  /** Errors: Unauthenticated (401); those of the log. */
  async assertNotRevoked({ tokenId }: Pick<Held, 'tokenId'>, now: Instant): Promise<void> {
    if (tokenId !== undefined && (await this.revocations?.has(tokenId, now)) === true)
      throw new Unauthenticated('the token was revoked');
  }

  private async verified(token: string, now: Instant): Promise<JWTPayload> {
    const at = dateOf(now);
    const known = this.known.get(token);
    if (known !== undefined && isValidAt(known, at)) return known;
    const alg = algorithmOf(token);
    const { issuer, audiences, withoutEnd = false } = this.rules;
    const required: JWTVerifyOptions = {
      currentDate: at,
      ...(issuer === undefined ? {} : { issuer }),
      ...(audiences === undefined ? {} : { audience: [...audiences] }),
      requiredClaims: withoutEnd ? [] : ['exp'],
    };
    try {
      // Verified on every use: a withdrawn key must stop working.
      if (alg !== SHARED && this.published !== undefined) {
        const keys = await this.published.at(at);
        return this.endingInTime((await jwtVerify(token, keys, { ...required, algorithms: PUBLISHED })).payload, at);
      }
      const verified = await jwtVerify(token, this.secret, { ...required, algorithms: [SHARED] });
      const payload = this.endingInTime(verified.payload, at);
      if (this.known.size === MOST_KNOWN) this.known.clear();
      this.known.set(token, payload);
      return payload;
    } catch (error) {
      if (error instanceof Unauthenticated) throw error;
      if (error instanceof errors.JWTExpired) throw new Unauthenticated('the token has expired');
      if (error instanceof errors.JWTClaimValidationFailed) throw new Unauthenticated(this.faultOf(error.claim));
      if (isFault(error)) throw new Unauthenticated('the token is not valid');
      throw new DomainError('keys_unavailable', 'The keys for verifying tokens could not be fetched.', 'unavailable');
    }
  }

  /** Refuses a token that is valid for a longer time than allowed, or without an end that it should have. */
  private endingInTime(payload: JWTPayload, at: Date): JWTPayload {
    const { longestLife, withoutEnd = false } = this.rules;
    const { exp, iat } = payload;
    if (!withoutEnd && expiryOf(payload) === null)
      throw new Unauthenticated('the expiry of the token (exp) is after the last date. Issue it for a shorter time.');
    if (longestLife === undefined || exp === undefined) return payload;
    if (iat === undefined)
      throw new Unauthenticated('the token does not say when it was issued (iat). Issue it with this claim.');
    // A time of issue in the future must not make it longer.
    if (exp - Math.min(iat, at.getTime() / 1000) > secondsOf(longestLife))
      throw new Unauthenticated(`the token is valid for more than ${longestLife}. Issue it for a shorter time.`);
    return payload;
  }

  private faultOf(claim: string): string {
    const { issuer, audiences } = this.rules;
    const faults: Readonly<Record<string, string>> = {
      iss: `the token has another issuer (iss) than ${issuer}`,
      aud: `the token is for another audience (aud) than ${audiences?.join(' or ')}`,
      exp: 'the token has no expiry (exp), or it is not a number. Issue it with one.',
      nbf: 'the token is not valid yet',
    };
    return faults[claim] ?? 'the token is not valid';
  }
}

/** null: it has none, or one after the last date. */
function expiryOf({ exp }: JWTPayload): Date | null {
  const expires = new Date((exp ?? Infinity) * 1000);
  return Number.isNaN(expires.getTime()) ? null : expires;
}

const isValidAt = ({ exp, nbf }: JWTPayload, at: Date): boolean =>
  (exp === undefined || at.getTime() < exp * 1000) && (nbf === undefined || at.getTime() >= nbf * 1000);

/** Errors: `Unauthenticated`, if the text is not a token. */
function algorithmOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).alg;
  } catch {
    throw new Unauthenticated('the token is not valid');
  }
}

/** Whether the error is caused by the token, not by the key server. */
function isFault(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return false;
  return error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC';
}
