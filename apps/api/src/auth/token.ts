import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
} from 'jose';
import { z } from 'zod';
import { DomainError } from '#domain/errors';
import { zId } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { type Caller, ROLES } from '#ledger/caller';
import { traceparentNow } from '#runtime/telemetry/ledger-tracing';
import type { RequestIds } from '../http.js';
import { Unauthenticated } from '../problem.js';

const SHARED = 'HS256';
/** Only algorithms with public keys. Without HS256, nobody can sign with a published key as the secret. */
const PUBLISHED = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'];

/**
 * An unknown key id fetches the keys again, at most once in this time: a new key works at once, and nobody can cause
 * many requests.
 */
const COOLDOWN_MS = 1000;

/** Enough for a fleet of collectors. Above this, the cache starts again empty. */
const MOST_KNOWN = 10_000;

const zClaims = z.object({
  sub: zId,
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
}

/** Reads bearer tokens: HS256 with the shared secret, other algorithms with the published keys. */
export class TokenReader {
  private readonly secret: Uint8Array;
  private readonly published: JWTVerifyGetKey | undefined;
  /** Tokens with a verified HS256 signature. Their times are still checked on every use. */
  private readonly known = new Map<string, JWTPayload>();

  constructor(secret: string, jwksUrl: string | undefined) {
    this.secret = secretOf(secret);
    this.published =
      jwksUrl === undefined ? undefined : createRemoteJWKSet(new URL(jwksUrl), { cooldownDuration: COOLDOWN_MS });
  }

  /** The caller. Errors: see `read`. */
  async callerOf(authorization: string | undefined, now: Instant, ids: RequestIds): Promise<Caller> {
    return (await this.read(authorization, now, ids)).caller;
  }

  /**
   * The caller and the expiry of the token. Errors: Unauthenticated (401); `unknown_role` (403); `keys_unavailable`
   * (503), if the keys can't be fetched.
   */
  async read(authorization: string | undefined, now: Instant, ids: RequestIds): Promise<Held> {
    const token = bearerIn(authorization);
    if (token === undefined) throw new Unauthenticated('no token. Send Authorization: Bearer …');
    const payload = await this.verified(token, now);
    const claims = zClaims.safeParse(payload);
    if (!claims.success)
      throw new Unauthenticated(
        'the token has a missing or invalid claim. It needs sub and role, and for role tenant a tenantId.',
      );
    const { sub, roles, tenantId } = claims.data;
    const role = claims.data.role ?? roles?.[0];
    const known = ROLES.find((each) => each === role);
    if (known === undefined)
      throw new DomainError('unknown_role', `the token's role must be one of ${ROLES.join(', ')}`, 'forbidden');
    if (known === 'tenant' && tenantId === undefined)
      throw new DomainError('no_tenant', 'a token with role tenant must have a tenantId', 'forbidden');
    const traceparent = traceparentNow();
    const caller = {
      actor: sub,
      role: known,
      ...(tenantId === undefined ? {} : { tenantId }),
      now,
      ...ids,
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    return { caller, token, expires: payload.exp === undefined ? null : new Date(payload.exp * 1000) };
  }

  /** The token, if it is valid. */
  async goodTokenIn(authorization: string | undefined, now: Instant): Promise<string | undefined> {
    const token = bearerIn(authorization);
    if (token === undefined) return undefined;
    return this.verified(token, now).then(
      () => token,
      () => undefined,
    );
  }

  private async verified(token: string, now: Instant): Promise<JWTPayload> {
    const at = { currentDate: dateOf(now) };
    const known = this.known.get(token);
    if (known !== undefined && isValidAt(known, at.currentDate)) return known;
    const alg = algorithmOf(token);
    try {
      // Verified on every use: a withdrawn key must stop working.
      if (alg !== SHARED && this.published !== undefined)
        return (await jwtVerify(token, this.published, { ...at, algorithms: PUBLISHED })).payload;
      const { payload } = await jwtVerify(token, this.secret, { ...at, algorithms: [SHARED] });
      if (this.known.size === MOST_KNOWN) this.known.clear();
      this.known.set(token, payload);
      return payload;
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new Unauthenticated('the token has expired');
      if (isFault(error)) throw new Unauthenticated('the token is not valid');
      throw new DomainError('keys_unavailable', 'The keys for verifying tokens could not be fetched.', 'unavailable');
    }
  }
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
