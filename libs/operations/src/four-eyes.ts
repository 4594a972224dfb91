import { conflict } from '#domain/errors';
import { type Decimal, decimal, max, text, ZERO } from '#domain/money/decimal';
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
import type { RecordedEvent } from '#domain/events';
import { isDomainError, parse, zJsonObject } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { invoiceView } from '#billing/invoices/invoice-view';
import { daysToMeterAgain, type Effect, effectOf } from '#billing/preview/preview';
import { onTrial, type Trial } from '#billing/preview/trial';
import type { Caller } from '#ledger/caller';
import { type CommandDone, type CommandProposed, isCorrection } from '#ledger/command';
import { type ReadCommand, readCommand } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { contextFor } from '#ledger/query';
import { readCredits } from '#projections/credits/credits.read';
import { readInvoiceNamed } from '#projections/invoices/issued-invoices.read';
import { runMetering } from './metering.js';

/** Besides corrections, these change or give away what was billed. */
const ALSO: ReadonlySet<string> = new Set(['void-invoice', 'create-credit-note', 'withdraw-rate', 'waive-usage']);
const needsFourEyes = (name: string): boolean => isCorrection(name) || ALSO.has(name);

/**
 * Carries the command out, unless its amount is above the limit: then it is proposed, and nothing else is recorded. A
 * trial decides what the amount is, and refuses what the command itself would refuse. `given`: the command as it was
 * given. Errors: `details_apart`, `proposal_decided`, and those of the command.
 */
export async function unlessProposed(
  core: LedgerCore,
  { definition, call }: ReadCommand,
  given: unknown,
  carryOut: (command: ReadCommand) => Promise<CommandDone>,
): Promise<CommandDone | CommandProposed> {
  if (core.fourEyes === null || !needsFourEyes(call.name)) return carryOut({ definition, call });
  const proposalId = proposalIdOf(call);
  const known = proposalIn(await proposalEventsOf(core, proposalId));
  if (known?.status === 'open') {
    // The hash of a body does not have the details.
    assertNoDetails({ definition, call });
    return propose(core, call, known.proposed.data);
  }
  const tried = await tryOut(core, { definition, call }, call.caller.now);
  if (tried.status === 'unchanged' || !isAbove(core.fourEyes, tried.amounts))
    return carryOut({ definition, call: { ...call, basedOn: call.basedOn ?? tried.position } });
  assertUndecided(known);
  assertNoDetails({ definition, call });
  return propose(core, call, {
    ...{ proposalId, command: call.name, fields: fieldsIn(given), key: call.key, idempotencyKey: call.idempotencyKey },
    ...{ amounts: [...tried.amounts], preparedAt: tried.position, at: call.caller.now },
  });
}

const fieldsIn = (given: unknown): Proposed['fields'] =>
  Object.fromEntries(
    Object.entries(parse(zJsonObject, given, 'command')).filter(
      ([field]) => field !== 'command' && field !== 'idempotencyKey',
    ),
  );

export const isProposalEvent = (event: RecordedEvent): event is RecordedEvent<keyof typeof proposalEvents> =>
  event.type in proposalEvents;

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
        ' Send the details and the time zone as two commands.',
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

/** Tries a command, with its amounts up to an instant. Nothing is recorded. Errors: those of the command. */
export async function tryOut(core: LedgerCore, { definition, call }: ReadCommand, at: Instant): Promise<Tried> {
  return onTrial(core, call.caller.now, async (trial) => {
    const { status } = await definition.handle({ ...call, inTurn: async () => undefined }, trial.core);
    await trial.core.projector.catchUp();
    const documents = await documentsOf(trial, call.caller);
    for (const date of await daysToMeterAgain(trial)) await meter(trial.core, date, call.caller);
    await trial.core.projector.catchUp();
    const { effect } = await effectOf(trial, at);
    return { position: trial.from, status, amounts: largest([...differences(effect), ...documents]) };
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

interface Money {
  readonly currency: string;
  readonly amount: Decimal;
}

/** What each tenant owes more or less, with tax, and the total: changes of two tenants must not cancel out. */
function differences({ byTenant }: Effect): Money[] {
  const tenants = byTenant.map(({ currency, difference, taxDifference }) => ({
    currency,
    amount: decimal(difference).plus(decimal(taxDifference)),
  }));
  const totals = [...Map.groupBy(tenants, ({ currency }) => currency)].map(([currency, group]) => ({
    currency,
    amount: group.reduce((total, { amount }) => total.plus(amount), ZERO),
  }));
  return [...tenants, ...totals];
}

/** The totals of invoices, credit notes and credits that the events of a trial issue, void or withdraw. */
async function documentsOf(trial: Trial, caller: Caller): Promise<Money[]> {
  const context = contextFor(trial.core, trial.from, caller);
  const found: Money[] = [];
  for (const { type, data } of trial.events()) {
    if (type === 'CreditNoteIssued') found.push({ currency: data.currency, amount: decimal(data.total) });
    if (type === 'InvoiceVoided' || type === 'InvoicePaymentWithdrawn') {
      const row = await readInvoiceNamed(trial.core.db, trial.from, data.invoiceId);
      if (row !== undefined)
        found.push({ currency: row.currency, amount: decimal((await invoiceView(context, row)).total) });
    }
    if (type === 'GrantWithdrawn')
      for (const credit of await readCredits(trial.core.db, trial.from, [data.tenantId]))
        if (credit.credit_id === data.creditId && credit.currency === data.currency && credit.amount !== null)
          found.push({ currency: data.currency, amount: decimal(credit.amount) });
  }
  return found;
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
