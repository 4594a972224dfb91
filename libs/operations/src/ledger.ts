import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler, QueryBus } from '@nestjs/cqrs';
import type { z } from 'zod';
import { invalid } from '#domain/errors';
import type { EventSource } from '#domain/events';
import { isDomainError } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import type { NotWritable } from '#event-store/mirror';
import { stoppedBy } from '#postgres/stoppable';
import type { Progress } from '#read-model/projection';
import type { Rebuilder } from '#read-model/rebuild';
import { KeptTree } from '#transparency/kept-tree';
import { groupsAtOnce } from '#ledger/appending/at-once';
import { withSources } from '#exchange/backfill/backfill';
import type { BackfillRequest } from '#exchange/backfill/request';
import type { CarryOut } from '#exchange/backfill/command-import';
import { type DryRun, dryRun } from '#exchange/backfill/dry-run';
import { type Imported, imported } from '#exchange/backfill/imported';
import { assertRole, type Caller } from '#ledger/caller';
import { type CommandCall, type CommandDone, type CommandOutcome, type CommandProposed, nameOf } from '#ledger/command';
import { type CommandDefinition, ownKey, type ReadCommand, readCommand, WRITERS } from '#ledger/define-command';
import { type Export, exported, type ExportKind } from '#exchange/export/exports';
import { valueOf } from '#ledger/appending/in-order';
import { type Incoming, type Ingested, UsageIntake } from '#billing/usage/ingest';
import { LedgerCore } from '#ledger/ledger-core';
import { type Answered, answered, LedgerQuery, queryNamed } from './answering.js';
import { FewAtOnce } from './few-at-once.js';
import { unlessProposed } from './four-eyes.js';
import { withDates } from './dates.js';
import { withInvoiceId } from './invoice-numbers.js';
import { invoices } from './invoices.js';
import { lines } from './lines.js';
import { margin } from './margin.js';
import { zMetered } from './metering.js';
import { once } from './once.js';
import { COMMANDS } from './operations.js';
import { carriedOutTogether, isUndecided, yielding } from './command-group.js';
import { refusalOf, refusalWhileHalted, untilUnavailable, withRemedies } from './refusal.js';
import { tenants } from './tenants.js';
import { usageRecords } from './usage.js';
import { type Addressed, addressedBy } from '#billing/preview/addressees';
import { type Crossings, crossingsOf } from '#billing/preview/crossings';
import { bookDifferences, daysToMeterAgain, type Effect, effectOf } from '#billing/preview/preview';
import { ADMIN, type AnswerOf, type DefinedQuery, STAFF } from '#ledger/query';
import { readIsReadOnly } from '#projections/checkpoint.read';
import { TreeKeeper } from '#audit/tree-keeper';
import { onTrial } from '#billing/preview/trial';
import { waitBeyond, waitFor } from './waiting.js';

/** A command on the command bus. */
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

const SHOWING_COST: ReadonlySet<ExportKind> = new Set(['focus', 'journal', 'margin']);

type MarginAnswer = AnswerOf<typeof margin.answer>;

/** The preview of commands: their outcomes, and the changes in money. */
export interface Preview extends Effect, Crossings, Addressed {
  /**
   * The log position of the preview. A correction with this position as `basedOn` is refused if the same was changed
   * since.
   */
  readonly position: number;
  readonly commands: readonly (CommandOutcome & { readonly index: number })[];
  /** Days that were metered before and are metered again in the preview, because a resource was corrected. */
  readonly remetered: readonly string[];
  /** If a month was given: its margin without and with the commands. */
  readonly margin?: { readonly before: MarginAnswer; readonly after: MarginAnswer };
}

/** The facade of the ledger for the apps: executes commands and answers queries. */
@Injectable()
export class Ledger {
  private readonly intake: UsageIntake;
  /** Where expensive queries and previews run. */
  readonly expensive: FewAtOnce;
  private hearStale: (position: number, since: Instant) => void = () => undefined;

  constructor(
    private readonly core: LedgerCore,
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly tree: KeptTree,
  ) {
    this.intake = new UsageIntake(core);
    this.expensive = new FewAtOnce(core);
  }

  /**
   * Executes one command. A refusal is an outcome, also one because the projections are halted. Only failures of the
   * system are thrown.
   */
  async execute(
    input: unknown,
    caller: Caller,
    options: Pick<CommandCall, 'inTurn' | 'sourceOf'> = {},
  ): Promise<CommandOutcome> {
    return executed(this.core, input, caller, async ({ definition, call }, given) =>
      unlessProposed(this.core, { definition, call: { ...call, ...options } }, given, async (command) =>
        this.commands.execute(new LedgerCommand(command.definition, command.call)),
      ),
    );
  }

  /**
   * Executes commands in order. Each starts after those that it depends on, and independent ones run at the same time,
   * with the same outcomes and the same order in the log. After a command that can't be decided now, what depends on it
   * and all later groups are not decided either. If the signal aborts, the remaining commands are left out. Commands
   * before a failure stay recorded. `sources`: the place of each command in a file.
   */
  async *executeInOrder(
    inputs: readonly unknown[],
    caller: Caller,
    signal?: AbortSignal,
    sources: readonly EventSource[] = [],
  ): AsyncGenerator<CommandOutcome> {
    let done = 0;
    let undecided: CommandOutcome | undefined;
    const letOthersRun = yielding();
    for (const group of groupsAtOnce(inputs, (key) => ownKey(caller, key))) {
      if (signal?.aborted === true) return;
      if (undecided !== undefined) {
        for (const { command } of group.commands) yield { ...undecided, command: nameOf(command) };
        continue;
      }
      const first = done;
      const outcomes = await carriedOutTogether(this.core, group, async (command, inTurn, at) => {
        const source = sources[first + at];
        return this.execute(command, caller, { inTurn, ...(source === undefined ? {} : { sourceOf: () => source }) });
      });
      done += group.commands.length;
      for (const settled of outcomes) {
        const outcome = valueOf(settled);
        if (isUndecided(outcome)) undecided ??= outcome;
        yield outcome;
      }
      await letOthersRun();
    }
  }

  /**
   * Records readings and answers a verdict for each: a faulty reading does not affect the others. Readings for the same
   * deployment and month that arrive at the same time are appended together. Errors: `forbidden`.
   */
  async ingest(incoming: readonly Incoming[], caller: Caller): Promise<Ingested[]> {
    return withRemedies(await this.intake.ingest(incoming, caller), caller);
  }

  /**
   * Previews commands: the changes in money if they were executed now. Nothing is recorded. Open lines are rated up to
   * `at`. `margin` adds the margin of a month (platform_admin). Errors: `forbidden`, `not_previewed`. A command that
   * would be refused says so in its outcome.
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
      const at = options.at ?? caller.now;
      const { effect, revenue } = await effectOf(trial, at);
      const addressed = await addressedBy(trial, caller, at);
      const previewed = { position: trial.from, commands, remetered, ...effect, ...addressed };
      if (options.margin === undefined) return { ...previewed, ...(await crossingsOf(trial, caller)) };
      const { answer: before } = await answered(
        trial.core,
        margin,
        { ...options.margin, asOf: String(trial.from) },
        caller,
      );
      await bookDifferences(trial, revenue);
      const { answer: after } = await answered(trial.core, margin, options.margin, caller);
      return { ...previewed, margin: { before, after }, ...(await crossingsOf(trial, caller)) };
    });
  }

  /** Imports files. A faulty row is reported and does not stop the import. Errors: `forbidden`, and of `imported`. */
  async backfill(request: BackfillRequest, caller: Caller): Promise<Imported> {
    assertRole(caller, WRITERS, 'import files');
    const run = asRun(caller);
    const carryOut: CarryOut = (commands, sources) =>
      untilUnavailable(this.executeInOrder(commands, run, undefined, sources));
    return withSources(request, async (sources) => imported(this.core, sources, request, { caller: run, carryOut }));
  }

  /** What an import would do; nothing of it is kept. Errors as of backfill, and `too_large_for_dry_run`. */
  async backfillDryRun(request: BackfillRequest, caller: Caller): Promise<DryRun> {
    assertRole(caller, WRITERS, 'import files');
    const carryOutOn = (core: LedgerCore): CarryOut =>
      async function* (commands) {
        for (const command of commands) yield await executed(core, command, caller, carriedOutOn(core));
      };
    return withSources(request, async (sources) => dryRun({ core: this.core, caller, carryOutOn, sources, request }));
  }

  /** Exports rows. Errors: `forbidden`, `invalid_parameter`. */
  async export(kind: ExportKind, params: Record<string, unknown>, caller: Caller): Promise<Export> {
    assertRole(caller, SHOWING_COST.has(kind) ? ADMIN : STAFF, `export ${kind}`);
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
   * Answers a query. With a declaration the answer is typed. With a name the answer is JSON. Errors: `unknown_query`,
   * `invalid_parameter`, `forbidden`, and the errors of the query.
   */
  ask<Params extends z.ZodObject, Answer extends z.ZodType>(
    query: DefinedQuery<Params, Answer>,
    params: z.input<Params>,
    caller: Caller,
    signal?: AbortSignal,
  ): Promise<AnswerOf<Answer>>;
  ask(name: string, params: Readonly<Record<string, unknown>>, caller: Caller): Promise<unknown>;
  async ask(
    query: DefinedQuery | string,
    params: Readonly<Record<string, unknown>>,
    caller: Caller,
    signal?: AbortSignal,
  ): Promise<unknown> {
    return (await this.answer(typeof query === 'string' ? queryNamed(query) : query, params, caller, signal)).answer;
  }

  /**
   * Like `ask`, with the position of the answer. Asked again as of this position, the answer is the same. When
   * the signal aborts, the query ends with its reason, or as cancelled. Errors: also `overloaded`, for an expensive
   * query while others run.
   */
  async answer<Params extends z.ZodObject, Answer extends z.ZodType>(
    query: DefinedQuery<Params, Answer>,
    params: z.input<Params>,
    caller: Caller,
    signal?: AbortSignal,
  ): Promise<Answered<AnswerOf<Answer>>> {
    const ask = async (): Promise<Answered<AnswerOf<Answer>>> =>
      this.queries.execute(new LedgerQuery<Answer>(query, params, caller));
    const asked = async () => (signal === undefined ? ask() : stoppedBy(signal, ask));
    const answer = await (query.isExpensive === true ? this.expensive.run(caller, asked) : asked());
    if (answer.stale !== null) this.hearStale(answer.position, answer.stale.since);
    return answer;
  }

  /** Calls the listener with the position of what is stale, and with the instant since which it is. */
  onStale(listener: (position: number, since: Instant) => void): void {
    this.hearStale = listener;
  }

  /** Like `answer`, of the query with this name. Errors: also `unknown_query`. */
  async answerNamed(name: string, params: Readonly<Record<string, unknown>>, caller: Caller): Promise<Answered> {
    return this.answer(queryNamed(name), params, caller);
  }

  /** Projects up to the head of the log, or waits until another process has reached the position. */
  async catchUp(position?: number): Promise<number> {
    return this.core.projector.catchUp(position);
  }

  /** Projects what can be projected. What can't is reported as a stale answer is. */
  async catchUpIfPossible(): Promise<void> {
    const { position, stale } = await this.core.readable();
    if (stale !== null) this.hearStale(position, stale.since);
  }

  /** Whether the log can be written: with EventStoreDB, whether the server answers. Errors: those of an outage. */
  async probeLog(): Promise<void> {
    await this.core.mirror?.probe();
  }

  /** Why the mirror of EventStoreDB can't be written. null: it can, or the log is in Postgres. */
  get mirrorNotWritable(): NotWritable | null {
    return this.core.mirror?.notWritable ?? null;
  }

  /** Whether the database is read-only, as a standby is. */
  async isReadOnly(): Promise<boolean> {
    return readIsReadOnly(this.core.db);
  }

  /** See `waitFor`. */
  async waitFor(position: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    await waitFor(this.core, position, timeoutMs, signal);
  }

  /** See `waitBeyond`. */
  async waitBeyond(position: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    await waitBeyond(this.core, position, timeoutMs, signal);
  }

  /** Runs the projections and updates the Merkle tree of the log until the signal aborts. The worker calls this. */
  async project(
    signal: AbortSignal,
    onProgress?: (progress: Progress) => void,
    onTrouble?: (error: Error) => void,
  ): Promise<void> {
    const keeper = new TreeKeeper(this.tree);
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    // If one of them fails, the worker fails with its error.
    const works = [
      keeper.run(both, onTrouble),
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

  /** Rebuilds the read models and replaces the live ones. */
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

/** `given`: the command as it was given. */
type CarriedOut = (command: ReadCommand, given: unknown) => Promise<CommandDone | CommandProposed>;

/** Executes commands on another core: the core of a trial. */
const carriedOutOn =
  (core: LedgerCore): CarriedOut =>
  async (command) =>
    once(core, command, async () => command.definition.handle(command.call, core));

async function executed(
  core: LedgerCore,
  input: unknown,
  caller: Caller,
  carryOut: CarriedOut,
): Promise<CommandOutcome> {
  const name = nameOf(input);
  let of: Pick<CommandOutcome, 'command' | 'dates'> = { command: name };
  let command: ReadCommand | undefined;
  try {
    assertRole(caller, COMMANDS.get(name)?.roles ?? WRITERS, `execute ${name}`);
    const given = await withDates(core, COMMANDS, await withInvoiceId(core, input));
    if (given.dates.length > 0) of = { command: name, dates: given.dates };
    command = readCommand(COMMANDS, given.input, caller);
    const done = await carryOut(command, given.input);
    if (done.status === 'unchanged') await command.definition.personal?.assertSame(command.call, core);
    return { ...of, ...done };
  } catch (error) {
    const halted = refusalWhileHalted(error);
    if (halted !== undefined) return { ...of, status: 'refused', error: halted };
    if (!isDomainError(error)) throw error;
    return { ...of, status: 'refused', error: await refusalOf(core, command, caller, error) };
  }
}

/** Errors: `not_previewed`, for a command with `isPreviewed: false`. */
function assertPreviewable(name: string): void {
  if (COMMANDS.get(name)?.isPreviewed === false)
    throw invalid('not_previewed', `${name} can't be previewed. For an invoice, use the query invoice-preview.`);
}

/**
 * Gives each import a correlation id of its own. Event ids are derived from content: without it, two imports of the
 * same file at the same time would record the same events, and both would count them as accepted.
 */
const asRun = (caller: Caller): Caller => ({ ...caller, correlationId: caller.correlationId ?? randomUUID() });
