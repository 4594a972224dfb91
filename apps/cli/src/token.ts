import { randomUUID } from 'node:crypto';
import { instant } from '#domain/time/instant';
import { ROLES, ROLES_OF_TENANTS } from '#ledger/caller';
import type { Ledger } from '#operations/ledger';
import { tokens } from '#operations/tokens';
import { secondsOf } from '#runtime/token';
import { print, printJson, say, table } from './output.js';
import type { CommandOutcome } from '#ledger/command';
import { cliCaller, now, withLedger } from './session.js';
import { assertBriefEnough, minted, secretIn, usualLife } from './token-secret.js';
import { readOption, WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly role?: unknown;
  readonly tenant?: unknown;
  readonly expires?: unknown;
  readonly actor?: unknown;
  readonly reason?: unknown;
}

const VERBS = ['create', 'list', 'revoke'] as const;

/** Issues, lists and revokes bearer tokens of the API. */
export async function run([verb, id, ...more]: readonly string[], options: Options): Promise<number> {
  const known = VERBS.find((each) => each === verb);
  if (known === undefined || more.length > 0 || (id !== undefined) !== (known === 'revoke'))
    throw new WrongUsage('say what to do: token create --role ROLE, token list, or token revoke ID');
  if (known === 'create') return create(options);
  if (known === 'revoke') return revoke(id ?? '', options);
  return withLedger(options, async (ledger) => {
    await list(ledger, options.json);
    return 0;
  });
}

async function create(options: Options): Promise<number> {
  const role = ROLES.find((each) => each === options.role);
  if (role === undefined) throw new WrongUsage(`--role must be one of ${ROLES.join(', ')}`);
  const tenantId = textOf(options.tenant);
  if (role === 'tenant' && tenantId === undefined) throw new WrongUsage('a token with role tenant needs --tenant');
  if (tenantId !== undefined && !ROLES_OF_TENANTS.includes(role))
    throw new WrongUsage(`a token with role ${role} reads all tenants. Remove --tenant`);
  const ttl = textOf(options.expires) ?? usualLife();
  const seconds = readOption(() => secondsOf(ttl));
  assertBriefEnough(ttl);
  const expiresAt = instant(new Date(Date.parse(now()) + seconds * 1000).toISOString());
  const tokenId = randomUUID();
  const actor = textOf(options.actor) ?? tenantId ?? role;
  if (process.env['DATABASE_URL'] !== undefined && textOf(process.env['LEDGERLINE_JWT_SECRET']) === undefined)
    throw new WrongUsage('the secret of the API is not known. Set LEDGERLINE_JWT_SECRET as the API has it');
  const of = tenantId === undefined ? {} : { tenantId };
  await execute(options, { command: 'issue-token', tokenId, actor, role, expiresAt, ...of });
  const token = await minted(await secretIn(options.dataDir), { id: tokenId, sub: actor, role, ttl, ...of });
  if (options.json) printJson({ token, id: tokenId, expiresAt });
  else {
    print(token);
    say(`${role}, id ${tokenId}, until ${expiresAt}. It is not kept: it can't be shown again.`);
  }
  return 0;
}

async function revoke(tokenId: string, options: Options): Promise<number> {
  const reason = textOf(options.reason) ?? 'revoked on the command line';
  const status = await execute(options, { command: 'revoke-token', tokenId, reason });
  if (options.json) printJson({ id: tokenId, status });
  else say(`${tokenId} is revoked${status === 'unchanged' ? ' already' : ': APIs refuse it within five seconds'}`);
  return 0;
}

/** Errors: why the command was refused. */
const execute = async (options: Options, command: object): Promise<CommandOutcome['status']> =>
  withLedger(options, async (ledger) => {
    const outcome = await ledger.execute(command, cliCaller());
    if (outcome.status === 'refused') throw new Error(outcome.error.message);
    return outcome.status;
  });

async function list(ledger: Ledger, json: boolean): Promise<void> {
  const items: object[] = [];
  for (let cursor: string | undefined, isLast = false; !isLast;) {
    const page = await ledger.ask(tokens, { ...(cursor === undefined ? {} : { cursor }) }, cliCaller());
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
    isLast = cursor === undefined;
  }
  if (json) printJson({ items });
  else print(items.length === 0 ? 'none' : table(items.map((each) => ({ ...each }))));
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
