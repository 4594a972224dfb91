import { conflict } from '#domain/errors';
import { decimal, max, sum, text, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import {
  assertUndecided,
  isAbove,
  limitOf,
  proposalEvents,
  proposalIdOf,
  proposalIn,
  proposalStream,
  proposeCommand,
  type Proposed,
  type ProposedAmount,
} from '#domain/proposals/proposal';
import { isEventOf } from '#domain/events';
import { isDomainError, parse, zJsonObject } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { daysToMeterAgain, effectOf, type PreviewedLine } from '#billing/preview/preview';
import { onTrial } from '#billing/preview/trial';
import type { Caller } from '#ledger/caller';
import { type CommandDone, type CommandProposed, isCorrection } from '#ledger/command';
import { type CommandDefinition, type ReadCommand, readCommand } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { documentsOf, type Money } from './changed-documents.js';
import { FewInOrder } from './few-at-once.js';
import { runMetering } from './metering.js';
import { knownBefore, once } from './once.js';
import { keyOfAccount } from '#projections/invoices/invoices.read';

/** What of a command is compared with the limit: see `CommandDefinition.fourEyes`. */
const comparedOf = ({ name, fourEyes }: CommandDefinition): 'all' | 'issued' | 'nothing' | 'approval' =>
  fourEyes ?? (isCorrection(name) ? 'all' : 'issued');

/**
 * Carries the command out, unless its amount is above the limit: then it is proposed, and nothing else is recorded. A
 * trial decides what the amount is, and refuses what the command itself would refuse. It runs before the key is locked.
 * `given`: the command as it was given. Errors: `details_apart`, `proposal_decided`, and those of the command.
 */
export async function unlessProposed(
  core: LedgerCore,
  command: ReadCommand,
  given: unknown,
  carryOut: (command: ReadCommand) => Promise<CommandDone>,
): Promise<CommandDone | CommandProposed> {
  const { definition } = command;
  const compared = comparedOf(definition);
  const carryOutOnce = async (): Promise<CommandDone> => once(core, command, async () => carryOut(command));
  if (core.fourEyes === null || compared === 'nothing') return carryOutOnce();
  if (compared === 'approval') return oneCorrection(core, carryOutOnce);
  const compare = async (): Promise<CommandDone | CommandProposed> => comparedFirst(core, command, given, carryOut);
  return compared === 'all' ? oneCorrection(core, compare) : compare();
}

/**
 * One correction or approval at a time, in all processes, from its trial until it is recorded: two that are below the
 * limit by themselves may be above it together, as a quantity and its price. Of a process only one waits for the lock,
 * which needs a connection. No work that holds another lock may wait here: the first in turn may need that lock, or its
 * connection.
 */
const oneCorrection = async <Done>(core: LedgerCore, work: () => Promise<Done>): Promise<Done> =>
  CORRECTIONS.run(async () => core.exclusively('correction', work));
const CORRECTIONS = new FewInOrder(1);

async function comparedFirst(
  core: LedgerCore,
  command: ReadCommand,
  given: unknown,
  carryOut: (command: ReadCommand) => Promise<CommandDone>,
): Promise<CommandDone | CommandProposed> {
  const { call } = command;
  const answer = await knownBefore(core, command);
  if (answer !== undefined) return answer;
  const proposalId = proposalIdOf(call);
  const before = proposalIn(await proposalEventsOf(core, proposalId));
  const tried = before?.status === 'open' ? null : await tryOut(core, command, call.caller.now);
  const limits = core.fourEyes ?? new Map<string, string>();
  const isHeld = tried !== null && tried.status !== 'unchanged' && isAbove(limits, tried.amounts);
  return once(core, command, async () => {
    // It may have been proposed during the trial.
    const known = proposalIn(await proposalEventsOf(core, proposalId));
    if (known?.status === 'open') {
      // The hash of a body does not have the details.
      assertNoDetails(command);
      return propose(core, call, known.proposed.data);
    }
    if (!isHeld) return carryOut({ ...command, call: { ...call, basedOn: call.basedOn ?? tried?.position ?? null } });
    assertUndecided(known);
    assertNoDetails(command);
    return propose(core, call, {
      ...{
        proposalId,
        command: call.name,
        fields: fieldsIn(given),
        key: call.key,
        idempotencyKey: call.idempotencyKey,
      },
      ...{ amounts: [...tried.amounts], preparedAt: tried.position, at: call.caller.now },
    });
  });
}

const fieldsIn = (given: unknown): Proposed['fields'] =>
  Object.fromEntries(
    Object.entries(parse(zJsonObject, given, 'command')).filter(
      ([field]) => field !== 'command' && field !== 'idempotencyKey',
    ),
  );

export const isProposalEvent = isEventOf(proposalEvents);

/** The events of a proposal. */
export const proposalEventsOf = async (core: LedgerCore, proposalId: string) =>
  (await core.book.load(proposalStream(proposalId))).filter(isProposalEvent);

/** The proposal has a key of its own: the key of the command stays free until it is carried out. */
async function propose(core: LedgerCore, call: ReadCommand['call'], data: Proposed): Promise<CommandProposed> {
  const { position } = await core.book.decide(
    proposalStream(data.proposalId),
    { ...call, key: `proposal:${data.proposalId}`, isKeyed: true, idempotencyKey: null },
    (events) => ({ events: proposeCommand(events.filter(isProposalEvent), data) }),
  );
  const limits = core.fourEyes ?? new Map<string, string>();
  const amounts = data.amounts.map(({ currency, amount }) => ({
    currency,
    amount: moneyText(decimal(amount), currency),
    limit: moneyText(limitOf(limits, currency), currency),
  }));
  return {
    status: 'proposed',
    result: { proposalId: data.proposalId, amounts },
    ...(position === undefined ? {} : { position }),
  };
}

/** A proposal stays in the log, so no detail of a person may be in it. Errors: `details_apart`. */
function assertNoDetails({ definition: { personal }, call }: ReadCommand): void {
  const given = personal?.fields.filter((field) => call.fields[field] !== undefined) ?? [];
  if (given.length > 0)
    throw conflict(
      'details_apart',
      `${call.name}: another person must approve the change, and a proposal can't keep details of a person.` +
        ` Send the personal details (${given.join(', ')}) in a command of their own.`,
    );
}

/** What a command does on a trial. */
export interface Tried {
  /** The log position of the trial. */
  readonly position: number;
  readonly status: CommandDone['status'];
  /** What it changes, by currency, without what it does not change. */
  readonly amounts: readonly ProposedAmount[];
}

/**
 * Tries a command, with its amounts up to an instant. Nothing is recorded. If others are tried, it waits. Errors: those
 * of the command.
 */
export async function tryOut(core: LedgerCore, command: ReadCommand, at: Instant): Promise<Tried> {
  return TRIALS.run(async () => triedOut(core, command, at));
}
/** Each of them has a connection of its own, and keeps a processor of the database busy. */
const TRIALS = new FewInOrder(2);

async function triedOut(core: LedgerCore, { definition, call }: ReadCommand, at: Instant): Promise<Tried> {
  return onTrial(core, call.caller.now, async (trial) => {
    const { status } = await definition.handle({ ...call, inTurn: async () => undefined }, trial.core);
    await trial.core.projector.catchUp();
    const documents = await documentsOf(trial);
    for (const date of await daysToMeterAgain(trial)) await meter(trial.core, date, call.caller);
    await trial.core.projector.catchUp();
    const { lines } = (await effectOf(trial, at)).effect;
    const changed = differences(comparedOf(definition) === 'all' ? lines : lines.filter(isOfInvoice));
    return { position: trial.from, status, amounts: largest([...changed, ...documents]) };
  });
}

/** A day that can't be metered keeps its readings, as in a preview. */
async function meter(core: LedgerCore, date: string, caller: Caller): Promise<void> {
  const { definition, call } = readCommand(METERING, { command: runMetering.name, date }, caller);
  try {
    await definition.handle(call, core);
  } catch (error) {
    if (!isDomainError(error)) throw error;
  }
}
const METERING = new Map([[runMetering.name, runMetering]]);

const isOfInvoice = ({ invoiceId }: PreviewedLine): boolean => invoiceId !== null;

/** What each tenant owes more or less, with tax, and the total: changes of two tenants must not cancel out. */
function differences(lines: readonly PreviewedLine[]): Money[] {
  const changes = lines.map(({ tenantId, currency, difference, tax }) => ({
    ...{ tenantId, currency },
    amount: decimal(difference).plus(decimal(tax.difference)),
  }));
  const summed = (keyOf: (change: (typeof changes)[number]) => string): Money[] =>
    [...Map.groupBy(changes, keyOf).values()].flatMap((group) =>
      group.slice(0, 1).map(({ currency }) => ({ currency, amount: sum(group.map(({ amount }) => amount)) })),
    );
  return [...summed(keyOfAccount), ...summed(({ currency }) => currency)];
}

/** The largest absolute amount of each currency, without zeros. */
const largest = (amounts: readonly Money[]): ProposedAmount[] =>
  [...Map.groupBy(amounts, ({ currency }) => currency)]
    .map(([currency, group]) => ({
      currency,
      amount: group.map(({ amount }) => amount.abs()).reduce((most, each) => max(most, each), ZERO),
    }))
    .filter(({ amount }) => !amount.eq(ZERO))
    .map(({ currency, amount }) => ({ currency, amount: text(amount) }))
    .sort((a, b) => (a.currency < b.currency ? -1 : 1));
