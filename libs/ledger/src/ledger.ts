import { Injectable } from '@nestjs/common';
import { CommandBus, Query, QueryBus, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { invalid, notFound } from '#domain/errors';
import { isDomainError, parse } from '#domain/schema';
import type { Progress } from '#read-model/projector';
import { assertRole, type Caller, type Role } from './caller.js';
import { type CommandCall, type CommandDone, type CommandOutcome, nameOf, readCommand } from './command.js';
import { COMMANDS, onBus } from './commands/index.js';
import { isRepeated } from './event-book.js';
import { LedgerCore } from './ledger-core.js';
import { QUERIES } from './queries/index.js';
import { contextFor, positionOf } from './query.js';

const WRITERS: readonly Role[] = ['platform_admin', 'operator'];
const APPENDERS_OF_USAGE: readonly Role[] = [...WRITERS, 'ingest'];

/** A query on its way over the query bus. */
export class LedgerQuery extends Query<unknown> {
  constructor(
    readonly name: string,
    readonly params: Record<string, unknown>,
    readonly caller: Caller,
  ) {
    super();
  }
}

@QueryHandler(LedgerQuery)
export class LedgerQueryHandler implements IQueryHandler<LedgerQuery> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ name, params, caller }: LedgerQuery): Promise<unknown> {
    const definition = QUERIES.get(name);
    if (definition === undefined) throw notFound('unknown_query', `there is no query ${JSON.stringify(name)}; there are ${[...QUERIES.keys()].join(', ')}`);
    assertRole(caller, definition.roles, `the query ${name}`);
    const given = Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
    const checked: Record<string, unknown> = parse(definition.params.strict(), given, name, 'invalid_parameter');
    const position = definition.withoutCatchUp === true ? await this.core.projector.position() : await positionOf(this.core, checked);
    return definition.answer(checked, contextFor(this.core, position, caller));
  }
}

/** The ledger as the apps use it: commands in, queries out. */
@Injectable()
export class Ledger {
  constructor(
    private readonly core: LedgerCore,
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  /** Carries out one command. A refusal is an answer; only a failure of ours is thrown. */
  async execute(input: unknown, caller: Caller, options: Pick<CommandCall, 'inTurn'> = {}): Promise<CommandOutcome> {
    const command = nameOf(input);
    try {
      assertRole(caller, command === 'observe-usage' ? APPENDERS_OF_USAGE : WRITERS, `the command ${command}`);
      const call = { ...readCommand(COMMANDS, input, caller), ...options };
      return { command, ...(await this.once(call)) };
    } catch (error) {
      if (!isDomainError(error)) throw error;
      const { code, kind, message, errors } = error;
      return { command, status: 'refused', error: { code, kind, message, ...(errors.length === 0 ? {} : { errors }) } };
    }
  }

  /** An idempotency key is one command's, whatever it is and wherever else it is being carried out. */
  private async once(call: CommandCall): Promise<CommandDone> {
    const { idempotencyKey } = call;
    if (idempotencyKey === null) return this.commands.execute(onBus(call));
    const key = `idempotency:${idempotencyKey}`;
    return this.core.exclusively(key, async () => {
      if (isRepeated({ ...call, key }, [await this.core.knownKey(key)])) return { status: 'unchanged' };
      return this.commands.execute(onBus(call));
    });
  }

  /** Answers a query by name. Errors: `unknown_query`, `invalid_parameter`, `forbidden`, and the query's own. */
  async ask(name: string, params: Record<string, unknown>, caller: Caller): Promise<unknown> {
    return this.queries.execute(new LedgerQuery(name, params, caller));
  }

  /** Projects up to the log's head, or waits until whoever projects has reached the position. */
  async catchUp(position?: number): Promise<number> {
    return this.core.projector.catchUp(position);
  }

  /** Runs the projections until the signal aborts: what the worker does. */
  async project(signal: AbortSignal, onProgress?: (progress: Progress) => void): Promise<void> {
    await this.core.projector.run(signal, onProgress);
  }

  /** Meters one UTC day. */
  async meter(date: string, caller: Caller): Promise<{ date: string; count: number }> {
    const outcome = await this.execute({ command: 'run-metering', date }, caller);
    if (outcome.status === 'refused') throw invalid(outcome.error.code, outcome.error.message, outcome.error.errors);
    const { count } = (outcome.result ?? { count: 0 }) as { count: number };
    return { date, count };
  }
}
