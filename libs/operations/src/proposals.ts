import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import { conflict } from '#domain/errors';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import {
  approveProposal,
  assertOther,
  PROPOSAL_STATUSES,
  proposalOf,
  proposalStream,
  type Proposed,
  type ProposedAmount,
  rejectProposal,
} from '#domain/proposals/proposal';
import type { RecordedEvent } from '#domain/events';
import { zText } from '#domain/schema';
import { assertRole, type Caller } from '#ledger/caller';
import { type CommandDone } from '#ledger/command';
import { type CommandDefinition, defineCommand, type ReadCommand, readCommand, WRITERS } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { defineQuery, pageOfRows, STAFF, zPage } from '#ledger/query';
import { PROPOSAL_ORDER, readProposalPage } from '#projections/proposals/proposals.read';
import { listOf, zAny, zMoney, zPosition, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { isProposalEvent, proposalEventsOf, tryOut } from './four-eyes.js';
import { once } from './once.js';

type Commands = ReadonlyMap<string, CommandDefinition>;

const zProposalId = z.uuid().describe('The proposal, as the outcome of its command names it');
const EXAMPLE = '0b9c1d0c-5a5b-5d53-9f0e-0d0a4a4f6a6e';
/** The same key would find the same proposal. */
const IF_OVERTAKEN = 'Reject the proposal and send the command again with another idempotencyKey.';
const PROPOSED_AGAIN = 'Send the command again with another idempotencyKey.';

/** The proposed command, as its proposer sent it. Its events name the proposal as their correlation. */
export function commandOf(
  commands: Commands,
  { data, metadata }: Pick<RecordedEvent<'CommandProposed'>, 'data' | 'metadata'>,
  caller: Caller,
): ReadCommand {
  const { proposalId, command, fields, key, idempotencyKey, preparedAt } = data;
  const asProposer = { ...caller, actor: metadata.actor, correlationId: proposalId };
  const { definition, call } = readCommand(commands, { ...fields, command }, asProposer);
  return {
    definition,
    call: { ...call, key, idempotencyKey, basedOn: call.basedOn ?? preparedAt, ifOvertaken: IF_OVERTAKEN },
  };
}

/** Whoever may carry out a command may decide on its proposal. Errors: `forbidden`. */
const assertMayDecide = (commands: Commands, caller: Caller, { command }: Proposed): void => {
  assertRole(caller, commands.get(command)?.roles ?? WRITERS, `execute ${command}`);
};

/** One decision on a proposal at a time, in all processes. */
const deciding = async <Result>(core: LedgerCore, proposalId: string, work: () => Promise<Result>): Promise<Result> =>
  core.exclusively(`proposal:${proposalId}`, work);

/** Carries a proposed command out. Errors: `overtaken`, if its amounts changed since; those of the command. */
export async function carriedOut(core: LedgerCore, command: ReadCommand, proposed: Proposed): Promise<CommandDone> {
  const { definition, call } = command;
  const { status, amounts } = await tryOut(core, command, proposed.at);
  if (status !== 'unchanged' && canonicalJson(amounts) !== canonicalJson(proposed.amounts))
    throw conflict(
      'overtaken',
      `proposal ${proposed.proposalId}: its amount is now ${amountsText(amounts)}, ` +
        `proposed were ${amountsText(proposed.amounts)}. Nothing was recorded. ${IF_OVERTAKEN}`,
    );
  return once(core, command, async () => definition.handle(call, core));
}

/** The event of a command that an interrupted approval carried out. undefined: none did. */
async function carriedOutBefore(core: LedgerCore, { proposalId, key }: Proposed): Promise<RecordedEvent | undefined> {
  const event = await core.eventUnder(key);
  return event?.metadata.correlationId === proposalId ? event : undefined;
}

const amountsText = (amounts: readonly ProposedAmount[]): string =>
  amounts.length === 0
    ? '0'
    : amounts.map(({ currency, amount }) => `${moneyText(decimal(amount), currency)} ${currency}`).join(' and ');

/**
 * First the command is recorded, under its own key, then the approval. After a crash between the two, the same approval
 * again finds the command recorded, and adds what is missing.
 */
const approveOf = (commands: Commands) =>
  defineCommand({
    name: 'approve-proposal',
    summary: 'Approves a command that another person proposed, and carries it out',
    fields: z.strictObject({ proposalId: zProposalId, reason: zText.optional() }),
    key: ({ proposalId }) => [proposalId],
    isPreviewed: false,
    fourEyes: 'approval',
    mistakes: { final: 'The proposed command is carried out. Correct what it recorded.' },
    example: { proposalId: EXAMPLE, reason: 'checked with the contract' },
    async handle(call, core) {
      const { proposalId, reason = null } = call.fields;
      return deciding(core, proposalId, async () => {
        const { proposed, status } = proposalOf(await proposalEventsOf(core, proposalId), proposalId);
        assertMayDecide(commands, call.caller, proposed.data);
        const before = status === 'open' ? await carriedOutBefore(core, proposed.data) : undefined;
        let done: Pick<CommandDone, 'position' | 'result'> | null = before?.metadata.command ?? null;
        let position = before?.position ?? null;
        if (status === 'open') assertOther(proposed.metadata.actor, call.caller.actor);
        if (status === 'open' && before === undefined) {
          const command = commandOf(commands, proposed, call.caller);
          done = await carriedOut(core, command, proposed.data);
          position = done.position ?? (await core.eventUnder(command.call.key))?.position ?? null;
        }
        const outcome = {
          command: proposed.data.command,
          ...(done?.result === undefined ? {} : { result: done.result }),
        };
        return core.book.decide(proposalStream(proposalId), call, (events) => ({
          events: approveProposal(events.filter(isProposalEvent), { proposalId, position, reason }),
          result: { proposalId, ...outcome },
        }));
      });
    },
  });

const rejectOf = (commands: Commands) =>
  defineCommand({
    name: 'reject-proposal',
    summary: 'Rejects a command that was proposed: it is not carried out',
    fields: z.strictObject({ proposalId: zProposalId, reason: zText.min(1) }),
    key: ({ proposalId }) => [proposalId],
    isPreviewed: false,
    fourEyes: 'nothing',
    mistakes: { final: PROPOSED_AGAIN },
    example: { proposalId: EXAMPLE, reason: 'the old price was agreed' },
    async handle(call, core) {
      const { proposalId, reason } = call.fields;
      return deciding(core, proposalId, async () => {
        const { proposed } = proposalOf(await proposalEventsOf(core, proposalId), proposalId);
        assertMayDecide(commands, call.caller, proposed.data);
        // An approval that was interrupted has carried it out.
        if ((await carriedOutBefore(core, proposed.data)) !== undefined)
          throw conflict(
            'proposal_decided',
            `the command of proposal ${proposalId} was carried out. Correct what it recorded.`,
          );
        return core.book.decide(proposalStream(proposalId), call, (events) => ({
          events: rejectProposal(events.filter(isProposalEvent), { proposalId, reason }),
        }));
      });
    },
  });

/** Decisions on proposals of these commands. */
export function decisionsOn(commands: readonly CommandDefinition[]): readonly CommandDefinition[] {
  const byName = new Map(commands.map((command) => [command.name, command]));
  return [approveOf(byName), rejectOf(byName)];
}

const zProposal = z
  .object({
    proposalId: z.string(),
    command: z.string(),
    fields: zAny.describe('The command as it was given'),
    amounts: z
      .array(z.object({ currency: z.string(), amount: zMoney }).meta({ id: 'ProposedAmount' }))
      .describe('What is compared with the limit. Of a credit note: all credit notes of the invoice together'),
    proposedBy: z.string(),
    proposedAt: zTimestamp,
    status: z.enum(PROPOSAL_STATUSES),
    decidedBy: z.string().nullable(),
    decidedAt: zTimestamp.nullable(),
    reason: z.string().nullable().describe('Why it was approved or rejected'),
    position: zPosition.nullable().describe('Log position of what was carried out'),
  })
  .meta({ id: 'Proposal' });

const proposals = defineQuery({
  name: 'proposals',
  summary: 'Commands that one person proposed and another approves or rejects, the oldest first',
  path: 'proposals',
  params: zPage.extend({ status: z.enum(PROPOSAL_STATUSES).optional() }),
  roles: STAFF,
  answer: listOf(zProposal),
  example: { status: 'open' },
  async handle({ status = null, ...page }, { core, position }) {
    return pageOfRows({
      order: PROPOSAL_ORDER,
      page,
      position,
      read: async (rows) => readProposalPage(core.db, position, status, rows),
      toItems: (rows) =>
        rows.map((row) => ({
          ...{ proposalId: row.proposal_id, command: row.command, fields: { ...row.fields }, status: row.status },
          amounts: row.amounts.map(({ currency, amount }) => ({
            currency,
            amount: moneyText(decimal(amount), currency),
          })),
          ...{ proposedBy: row.proposed_by, proposedAt: row.proposed_at },
          ...{ decidedBy: row.decided_by, decidedAt: row.decided_at, reason: row.reason },
          position: row.done_position,
        })),
    });
  },
});

export const proposalOperations: Operations = { queries: [proposals] };
