import { randomUUID } from 'node:crypto';
import { Body, Controller, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { z } from 'zod';
import { conflict, invalid } from '#domain/errors';
import { parse, zId, zInstant } from '#domain/schema';
import { type Instant, micros } from '#domain/time/instant';
import { type Caller, ROLES } from '#ledger/caller';
import { ADMIN } from '#ledger/query';
import { Ledger } from '#operations/ledger';
import { mintToken, secondsOf, type TokenRules } from '#runtime/token';
import { AllowedTo, AskedBy } from './auth/access.js';
import { doneOrThrown } from './commands.http.js';
import { POSITION, type Reply, V1 } from './http.js';

/** How tokens are signed, and which of them the API accepts. */
export const SIGNING = Symbol('signing');
export interface Signing {
  readonly secret: string;
  readonly rules: TokenRules;
}

export const zNewToken = z.strictObject({
  role: z.enum(ROLES),
  tenantId: zId.optional().describe('Its only tenant, for the roles tenant (which needs one) and ingest'),
  actor: zId.optional().describe('Who acts with it, as events name it. Default: the tenant, or the role'),
  expiresAt: zInstant,
  tokenId: zId.optional().describe('An id of your choice: a known id is refused (token_exists). Default: a UUID'),
});

export const zIssuedToken = z.object({
  token: z.string().describe('The bearer token. It is not kept, and can’t be shown again'),
  id: z.string(),
  expiresAt: z.string(),
});

const MICROS_PER_SECOND = 1_000_000n;
/** As a token has it. */
const wholeSeconds = (at: Instant): bigint => micros(at) / MICROS_PER_SECOND;

@Controller(V1)
export class TokensController {
  constructor(
    private readonly ledger: Ledger,
    @Inject(SIGNING) private readonly signing: Signing,
  ) {}

  /** Issues a bearer token. An event records its id, role and end; the token itself is in no event and no log. */
  @Post('tokens')
  @HttpCode(200)
  @AllowedTo(...ADMIN)
  async issue(
    @Body() body: unknown,
    @AskedBy() caller: Caller,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<z.infer<typeof zIssuedToken>> {
    const { role, tenantId, expiresAt, tokenId = randomUUID(), ...given } = parse(zNewToken, body, 'tokens');
    const actor = given.actor ?? tenantId ?? role;
    const { secret, rules } = this.signing;
    const { issuer, audiences, longestLife } = rules;
    const seconds = wholeSeconds(expiresAt) - wholeSeconds(caller.now);
    if (longestLife !== undefined && seconds > BigInt(secondsOf(longestLife)))
      throw invalid('invalid_ttl', `expiresAt: a token is valid for at most ${longestLife}. Give an earlier instant.`, [
        { field: 'expiresAt', message: `is more than ${longestLife} from now` },
      ]);
    const of = tenantId === undefined ? {} : { tenantId };
    const done = doneOrThrown(
      await this.ledger.execute({ command: 'issue-token', tokenId, actor, role, expiresAt, ...of }, caller),
    );
    // The same request again must not sign it again.
    if (done.status !== 'done')
      throw conflict(
        'token_exists',
        `token ${tokenId} is already issued, and can’t be shown again. Revoke it, and issue another one.`,
      );
    if (done.position !== undefined) reply.header(POSITION, String(done.position));
    const [audience] = audiences ?? [];
    const token = await mintToken(
      secret,
      {
        ...{ id: tokenId, sub: actor, role, ttl: { until: expiresAt }, ...of },
        ...(issuer === undefined ? {} : { issuer }),
        ...(audience === undefined ? {} : { audience }),
      },
      caller.now,
    );
    return { token, id: tokenId, expiresAt };
  }
}
