import { describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { tokenStream } from '#domain/tokens/token';
import { instant } from '#domain/time/instant';
import type { TokenRules } from '#runtime/token';
import { Revocations } from './revocations.js';
import { TokenReader } from './token.js';

const SECRET = 'a secret of the specs, longer than 32 characters';
const NOW = instant('2026-04-15T00:00:00Z');
const seconds = (text: string): number => Date.parse(text) / 1000;

/** `accepted`, or why the token is refused. The second time, the token may be known. */
async function verdict(rules: TokenRules, claims: Readonly<Record<string, unknown>>): Promise<string> {
  const reader = new TokenReader(SECRET, undefined, rules);
  reader.refuseRevoked(new Revocations(async (tokenId) => Promise.resolve(tokenStream(tokenId) === '')));
  const token = await new SignJWT({ sub: 'x', role: 'operator', exp: seconds('2026-04-16T00:00:00Z'), ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
  const read = async (): Promise<string> =>
    reader.read(`Bearer ${token}`, NOW, { correlationId: 'a test' }).then(
      () => 'accepted',
      (error: unknown) => (error instanceof Error ? error.message : 'no error'),
    );
  const first = await read();
  expect(await read()).toBe(first);
  return first;
}

describe('a token', () => {
  it('must be of the issuer, where one is required', async () => {
    const rules = { issuer: 'https://id.example' };
    expect(await verdict({}, { iss: 'https://other.example' })).toBe('accepted');
    expect(await verdict(rules, { iss: 'https://id.example' })).toBe('accepted');
    for (const iss of ['https://other.example', 'https://id.example/', undefined])
      expect(await verdict(rules, { iss })).toBe('the token has another issuer (iss) than https://id.example');
  });

  it('must be for one of the audiences, where some are required', async () => {
    const rules = { audiences: ['ledger', 'ledger-eu'] };
    for (const aud of ['ledger', 'ledger-eu', ['wiki', 'ledger']])
      expect(await verdict(rules, { aud })).toBe('accepted');
    for (const aud of ['wiki', ['wiki'], [], undefined])
      expect(await verdict(rules, { aud })).toBe('the token is for another audience (aud) than ledger or ledger-eu');
  });

  it('must have an end, unless it is allowed to have none', async () => {
    expect(await verdict({}, { exp: undefined })).toBe(
      'the token has no expiry (exp), or it is not a number. Issue it with one.',
    );
    expect(await verdict({}, { exp: 1e300 })).toBe(
      'the expiry of the token (exp) is after the last date. Issue it for a shorter time.',
    );
    expect(await verdict({ withoutEnd: true }, { exp: 1e300 })).toBe('accepted');
    expect(await verdict({ withoutEnd: true }, { exp: undefined })).toBe('accepted');
    expect(await verdict({ withoutEnd: true }, { exp: seconds('2026-04-14T00:00:00Z') })).toBe('the token has expired');
  });

  it('must not be valid for longer than allowed, from its issue or from now', async () => {
    const rules = { longestLife: '30d' };
    const tooLong = 'the token is valid for more than 30d. Issue it for a shorter time.';
    const issued = (iat: string, exp: string) => verdict(rules, { iat: seconds(iat), exp: seconds(exp) });
    expect(await issued('2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z')).toBe('accepted');
    expect(await issued('2026-04-01T00:00:00Z', '2026-05-01T00:00:01Z')).toBe(tooLong);
    expect(await issued('2036-04-01T00:00:00Z', '2036-04-02T00:00:00Z')).toBe(tooLong);
    expect(await verdict(rules, {})).toBe('the token does not say when it was issued (iat). Issue it with this claim.');
    expect(await verdict({ ...rules, withoutEnd: true }, { exp: undefined })).toBe('accepted');
  });

  it('is refused with an id that cannot be one', async () => {
    const invalid =
      'the token has a missing or invalid claim. It needs sub, without spaces around it, and role, and for role ' +
      'tenant a tenantId.';
    for (const jti of ['\ud800', '', 'a\nb', 7]) expect(await verdict({}, { jti })).toBe(invalid);
  });

  it('is not valid before its time', async () => {
    expect(await verdict({}, { nbf: seconds('2026-04-15T00:00:01Z') })).toBe('the token is not valid yet');
  });
});
