import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import {
  Command,
  CommandBus,
  CommandHandler,
  type ICommandHandler,
  type IQueryHandler,
  Query,
  QueryBus,
  QueryHandler,
} from '@nestjs/cqrs';
import type { z } from 'zod';
import { DomainError, invalid, notFound } from '#domain/errors';
import type { EventSource } from '#domain/events';
import { isDomainError, parse } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import type { Progress } from '#read-model/projection';
import type { Rebuilder } from '#read-model/rebuild';
import { KeptTree } from '#transparency/kept-tree';
import { groupsAtOnce } from '#ledger/appending/at-once';
import { type BackfillRequest, withSources } from '#exchange/backfill/backfill';
import type { CarryOut } from '#exchange/backfill/command-import';
import { type DryRun, dryRun } from '#exchange/backfill/dry-run';
import { type Imported, imported } from '#exchange/backfill/imported';
import { assertRole, type Caller } from '#ledger/caller';
import { type CommandCall, type CommandDone, type CommandOutcome, nameOf } from '#ledger/command';
import { type CommandDefinition, type ReadCommand, readCommand, WRITERS } from '#ledger/define-command';
import { answerIfKnown } from '#ledger/appending/event-book';
import { type Export, exported, type ExportKind } from '#exchange/export/exports';
import { inOrder, valueOf } from '#ledger/appending/in-order';
import { type Incoming, type Ingested, UsageIntake } from '#billing/usage/ingest';
import { LedgerCore } from '#ledger/ledger-core';
import { invoices } from './invoices.js';
import { lines } from './lines.js';
import { margin } from './margin.js';
import { zMetered } from './metering.js';
import { COMMANDS, QUERIES } from './operations.js';
import { tenants } from './tenants.js';
import { usageRecords } from './usage.js';
import { bookDifferences, daysToMeterAgain, type Effect, effectOf } from '#billing/preview/preview';
import {
  ADMIN,
  type AnswerOf,
  contextFor,
  type DefinedQuery,
  pagedOn,
  positionOf,
  positionUpTo,
  STAFF,
  withCursor,
} from '#ledger/query';
import { TreeKeeper } from '#audit/tree-keeper';
import { onTrial } from '#billing/preview/trial';

/** How often one that waits for a position looks for it, in milliseconds. */
const WAIT_MS = 20;

/** An answer, and the log position that it is as of. */
export interface Answered<Answer = unknown> {
  readonly position: number;
  readonly answer: Answer;
}

/** A command on its way over the command bus. */
export class LedgerCommand extends Command<CommandDone> {
  constructor(
    readonly definition: CommandDefinition,
    readonly call: ReadCommand['call'],
  ) {
    super();
  }
}

@CommandHandler(LedgerCommand)
export class LedgerCommandHandler implements ICommandHandler<LedgerCommand> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ definition, call }: LedgerCommand): Promise<CommandDone> {
    return definition.handle(call, this.core);
  }
}

/** A query on its way over the query bus. */
export class LedgerQuery<Answer extends z.ZodType = z.ZodType> extends Query<Answered<AnswerOf<Answer>>> {
  constructor(
    readonly query: DefinedQuery<z.ZodObject, Answer>,
    readonly params: Readonly<Record<string, unknown>>,
    readonly caller: Caller,
  ) {
    super();
  }
}

@QueryHandler(LedgerQuery)
export class LedgerQueryHandler implements IQueryHandler<LedgerQuery> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ query, params, caller }: LedgerQuery): Promise<Answered> {
    return answered(this.core, query, params, caller);
  }
}

async function answered<Answer extends z.ZodType>(
  core: LedgerCore,
  query: DefinedQuery<z.ZodObject, Answer>,
  params: Readonly<Record<string, unknown>>,
  caller: Caller,
): Promise<Answered<AnswerOf<Answer>>> {
  const { name } = query;
  assertRole(caller, query.roles, `read ${name}`);
  const sent = Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
  const given = 'cursor' in query.params.shape ? withCursor(name, sent) : sent;
  const checked = parse(query.closedParams, given, name, 'invalid_parameter');
  const position =
    query.withoutCatchUp === true
      ? await positionUpTo(core, await core.log.head(), checked)
      : await positionOf(core, checked);
  const answer = await query.handle(checked, contextFor(core, position, caller));
  return { position, answer: pagedOn(name, given, answer) };
}

/** Errors: `unknown_query`. */
function queryNamed(name: string): DefinedQuery {
  const query = QUERIES.get(name);
  if (query !== undefined) return query;
  throw notFound(
    'unknown_query',
    `there is no query ${JSON.stringify(name)}; there are ${[...QUERIES.keys()].join(', ')}`,
  );
}

type MarginAnswer = AnswerOf<typeof margin.answer>;

/** What commands would come to: what became of each, and what they would change in money. */
export interface Preview extends Effect {
  /** The log position that it is made at: a correction that is `basedOn` it is refused where another came in between. */
  readonly position: number;
  readonly commands: readonly (CommandOutcome & { readonly index: number })[];
  /** Days that were metered already and are metered again in the preview, for a correction of a resource. */
  readonly remetered: readonly string[];
  /** Where a month was asked for: its margin without the commands, and with them. */
  readonly margin?: { readonly before: MarginAnswer; readonly after: MarginAnswer };
}

/** The ledger as the apps use it: commands in, queries out. */
@Injectable()
export class Ledger {
  private readonly intake: UsageIntake;

  constructor(
    private readonly core: LedgerCore,
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly tree: KeptTree,
  ) {
    this.intake = new UsageIntake(core);
  }

  /** Carries out one command. A refusal is an answer; only a failure of ours is thrown. */
  async execute(
    input: unknown,
    caller: Caller,
    options: Pick<CommandCall, 'inTurn' | 'sourceOf'> = {},
  ): Promise<CommandOutcome> {
    return executed(this.core, input, caller, async ({ definition, call }) =>
      this.commands.execute(new LedgerCommand(definition, { ...call, ...options })),
    );
  }

  /**
   * Carries out commands in order, each with the outcome that it has after those before it; where they have nothing to do with each
   * other, several at once. An aborted signal leaves out the rest. What came before one that fails is kept. `sources`: where in a file each stands.
   */
  async *executeInOrder(
    inputs: readonly unknown[],
    caller: Caller,
    signal?: AbortSignal,
    sources: readonly EventSource[] = [],
  ): AsyncGenerator<CommandOutcome> {
    let done = 0;
    for (const group of groupsAtOnce(inputs)) {
      if (signal?.aborted === true) return;
      const items = group.map((input, n) => ({ input, source: sources[done + n] }));
      const outcomes = await inOrder(items, async ({ input, source }, inTurn) =>
        this.execute(input, caller, { inTurn, ...(source === undefined ? {} : { sourceOf: () => source }) }),
      );
      done += group.length;
      for (const outcome of outcomes) yield valueOf(outcome);
    }
  }

  /**
   * Takes readings, each with its own verdict: what is wrong with one leaves the others. Where several write one deployment's month at
   * the same time, they are written together. Errors: `forbidden`.
   */
  async ingest(incoming: readonly Incoming[], caller: Caller): Promise<Ingested[]> {
    return this.intake.ingest(incoming, caller);
  }

  /**
   * What commands would change, in money, were they carried out now; nothing of it is kept. `at` is up to when open lines are
   * rated; `margin` asks for that of a month besides (platform_admin). Errors: `forbidden`, `not_previewed`; a command that is
   * refused is told so in its outcome, as when it is carried out.
   */
  async preview(
    inputs: readonly unknown[],
    caller: Caller,
    options: { at?: Instant; margin?: Record<string, unknown> } = {},
  ): Promise<Preview> {
    assertRole(caller, WRITERS, 'preview commands');
    for (const input of inputs) assertPreviewable(nameOf(input));
    return onTrial(this.core, caller.now, async (trial) => {
      const carryOut = async (input: unknown): Promise<CommandOutcome> =>
        executed(trial.core, input, caller, carriedOutOn(trial.core));
      const commands: (CommandOutcome & { index: number })[] = [];
      for (const [index, input] of inputs.entries()) commands.push({ index, ...(await carryOut(input)) });
      await trial.core.projector.catchUp();
      const remetered = await daysToMeterAgain(trial);
      for (const date of remetered) await carryOut({ command: 'run-metering', date });
      await trial.core.projector.catchUp();
      const effect = await effectOf(trial, options.at ?? caller.now);
      const position = trial.from;
      if (options.margin === undefined) return { position, commands, remetered, ...effect };
      const { answer: before } = await answered(
        trial.core,
        margin,
        { ...options.margin, asOf: String(trial.from) },
        caller,
      );
      await bookDifferences(trial, effect.lines);
      const { answer: after } = await answered(trial.core, margin, options.margin, caller);
      return { position, commands, remetered, ...effect, margin: { before, after } };
    });
  }

  /** Imports files. Errors: `forbidden`, `unreadable_file`, `invalid_mapping`, `missing_column`; a row that can't be taken is told, and the rest goes on. */
  async backfill(request: BackfillRequest, caller: Caller): Promise<Imported> {
    assertRole(caller, WRITERS, 'import files');
    const run = asRun(caller);
    const carryOut: CarryOut = (commands, sources) => this.executeInOrder(commands, run, undefined, sources);
    return withSources(request, async (sources) => imported(this.core, sources, request, { caller: run, carryOut }));
  }

  /** What an import would do; nothing of it is kept. Errors as of backfill, and `too_large_for_dry_run`. */
  async backfillDryRun(request: BackfillRequest, caller: Caller): Promise<DryRun> {
    assertRole(caller, WRITERS, 'import files');
    const carryOutOn = (core: LedgerCore): CarryOut =>
      async function* (commands) {
        for (const command of commands) yield await executed(core, command, caller, carriedOutOn(core));
      };
    return withSources(request, async (sources) => dryRun(this.core, caller, carryOutOn, sources, request));
  }

  /** Rows to be written to a file, as of now. Errors: `forbidden`, `invalid_parameter`. */
  async export(kind: ExportKind, params: Record<string, unknown>, caller: Caller): Promise<Export> {
    assertRole(caller, kind === 'focus' || kind === 'margin' ? ADMIN : STAFF, `export ${kind}`);
    const of =
      <Answer extends z.ZodType>(query: DefinedQuery<z.ZodObject, Answer>) =>
      async (asked: Readonly<Record<string, unknown>>): Promise<AnswerOf<Answer>> =>
        this.ask(query, asked, caller);
    return exported(this.core, kind, params, {
      tenants: of(tenants),
      usageRecords: of(usageRecords),
      lines: of(lines),
      invoices: of(invoices),
      margin: of(margin),
    });
  }

  /**
   * Answers a query: one that is declared with its own answer, one that is named with JSON. Errors: `unknown_query`, `invalid_parameter`,
   * `forbidden`, and the query's own.
   */
  ask<Params extends z.ZodObject, Answer extends z.ZodType>(
    query: DefinedQuery<Params, Answer>,
    params: z.input<Params>,
    caller: Caller,
  ): Promise<AnswerOf<Answer>>;
  ask(name: string, params: Readonly<Record<string, unknown>>, caller: Caller): Promise<unknown>;
  async ask(query: DefinedQuery | string, params: Readonly<Record<string, unknown>>, caller: Caller): Promise<unknown> {
    return (await this.answer(typeof query === 'string' ? queryNamed(query) : query, params, caller)).answer;
  }

  /** As `ask`, with the position that the answer is as of: asked as of that position again, it is the same. */
  async answer<Params extends z.ZodObject, Answer extends z.ZodType>(
    query: DefinedQuery<Params, Answer>,
    params: z.input<Params>,
    caller: Caller,
  ): Promise<Answered<AnswerOf<Answer>>> {
    return this.queries.execute(new LedgerQuery<Answer>(query, params, caller));
  }

  /** Projects up to the log's head, or waits until whoever projects has reached the position. */
  async catchUp(position?: number): Promise<number> {
    return this.core.projector.catchUp(position);
  }

  /**
   * Until a position is projected, wherever it was appended. Errors: `position_not_reached`, where it is not within the time: the same
   * may be asked again.
   */
  async waitFor(position: number, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (let at = await this.core.projector.position(); at < position; at = await this.core.projector.position()) {
      const left = deadline - performance.now();
      if (left <= 0)
        throw new DomainError(
          'position_not_reached',
          `position ${position} is not there within ${timeoutMs} ms; the read models are at ${at}: ask again`,
          'unavailable',
        );
      // Beyond the log's head there is nothing to project yet; and who projects may be another, who is slow.
      if ((await this.core.log.head()) >= position)
        await Promise.race([this.core.projector.catchUp(position), delay(left)]);
      else await delay(Math.min(WAIT_MS, left));
    }
  }

  /** Runs the projections, and keeps the log's Merkle tree up, until the signal aborts: what the worker does. */
  async project(
    signal: AbortSignal,
    onProgress?: (progress: Progress) => void,
    onTrouble?: (error: Error) => void,
  ): Promise<void> {
    const keeper = new TreeKeeper(this.tree);
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    // Where one of them fails, so does the worker: it says why, and whoever runs it looks.
    const works = [
      keeper.run(both),
      this.core.projector.run(
        both,
        (progress) => {
          keeper.wake();
          onProgress?.(progress);
        },
        onTrouble,
      ),
    ];
    try {
      await Promise.race(works);
    } finally {
      ended.abort();
      await Promise.allSettled(works);
    }
  }

  /** What exchanges the read models for others, built anew from the log. */
  get rebuilder(): Rebuilder {
    return this.core.rebuilder;
  }

  /** Meters one UTC day. */
  async meter(date: string, caller: Caller): Promise<{ date: string; count: number }> {
    const outcome = await this.execute({ command: 'run-metering', date }, caller);
    if (outcome.status === 'refused') throw invalid(outcome.error.code, outcome.error.message, outcome.error.errors);
    return { date, count: zMetered.parse(outcome.result).count };
  }
}

type CarriedOut = (command: ReadCommand) => Promise<CommandDone>;

/** Carries commands out on another ledger than the bus does: a trial. */
const carriedOutOn =
  (core: LedgerCore): CarriedOut =>
  async ({ definition, call }) =>
    definition.handle(call, core);

async function executed(
  core: LedgerCore,
  input: unknown,
  caller: Caller,
  carryOut: CarriedOut,
): Promise<CommandOutcome> {
  const name = nameOf(input);
  try {
    assertRole(caller, COMMANDS.get(name)?.roles ?? WRITERS, `execute ${name}`);
    const command = readCommand(COMMANDS, input, caller);
    const done = await once(core, command, carryOut);
    if (done.status === 'unchanged') await command.definition.personal?.assertSame(command.call, core);
    return { command: name, ...done };
  } catch (error) {
    if (!isDomainError(error)) throw error;
    const { code, kind, message, errors } = error;
    return {
      command: name,
      status: 'refused',
      error: { code, kind, message, ...(errors.length === 0 ? {} : { errors }) },
    };
  }
}

/** An idempotency key belongs to one command, whatever it is and wherever else it is being carried out. */
async function once(core: LedgerCore, command: ReadCommand, carryOut: CarriedOut): Promise<CommandDone> {
  const { call } = command;
  if (call.idempotencyKey === null) return carryOut(command);
  const key = `idempotency:${call.idempotencyKey}`;
  return core.exclusively(
    key,
    async () => answerIfKnown({ ...call, key }, [await core.knownKey(key)]) ?? (await carryOut(command)),
  );
}

/** Errors: `not_previewed`, for a command that bills facts or repairs read models. */
function assertPreviewable(name: string): void {
  if (COMMANDS.get(name)?.isPreviewed === false)
    throw invalid(
      'not_previewed',
      `${name} is not previewed: a preview says what facts would change; for an invoice see invoice-preview`,
    );
}

/**
 * Ids of events are derived from what they say: by this, each event says which import recorded it. Of two imports of one file at the same
 * time, the log would else take the second one's events for the first one's, sent again, and both would count them as accepted.
 */
const asRun = (caller: Caller): Caller => ({ ...caller, correlationId: caller.correlationId ?? randomUUID() });
