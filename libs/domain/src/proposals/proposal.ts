import { z } from 'zod';
import { derivedId } from '../derived-id.js';
import { conflict, DomainError, notFound } from '../errors.js';
import { decimal, ZERO } from '../money/decimal.js';
import { type EventOf, type IdSchema, zCurrency, zDecimal, zId, zInstant, zJsonObject, zText } from '../schema.js';
import { streamName } from '../stream-name.js';

/** By currency: the largest amount that one actor may change alone. A currency that is not listed has the limit 0. */
export type FourEyes = ReadonlyMap<string, string>;

export const proposalStream = (proposalId: string): string => streamName('proposal', [proposalId]);

/** The id of the proposal of a command. A repetition of the command finds the same proposal. */
export const proposalIdOf = ({ key, idempotencyKey }: { key: string; idempotencyKey: string | null }): string =>
  derivedId('proposal', idempotencyKey === null ? key : `idempotency:${idempotencyKey}`);

const zAmount = z.object({ currency: zCurrency, amount: zDecimal });
export type ProposedAmount = z.infer<typeof zAmount>;

// Stored permanently.
export const proposalEventsWith = (zId: IdSchema) => ({
  /** `fields`: the command as it was given. `at`: the instant up to which its amounts were computed. */
  CommandProposed: z.object({
    proposalId: z.uuid(),
    command: zId,
    fields: zJsonObject,
    key: z.string(),
    idempotencyKey: zId.nullable(),
    amounts: z.array(zAmount),
    preparedAt: z.int().nonnegative(),
    at: zInstant,
  }),
  /** `position`: of the last event that the command recorded. null: it recorded nothing. */
  ProposalApproved: z.object({
    proposalId: z.uuid(),
    position: z.int().positive().nullable(),
    reason: zText.nullable(),
  }),
  ProposalRejected: z.object({ proposalId: z.uuid(), reason: zText.min(1) }),
});
export const proposalEvents = proposalEventsWith(zId);
export type ProposalEvent = EventOf<typeof proposalEventsWith>;

type DataOf<Type extends ProposalEvent['type']> = Extract<ProposalEvent, { type: Type }>['data'];
export type Proposed = DataOf<'CommandProposed'>;

export const PROPOSAL_STATUSES = ['open', 'approved', 'rejected'] as const;
export type ProposalStatus = (typeof PROPOSAL_STATUSES)[number];

export interface Proposal<By extends ProposalEvent = ProposalEvent> {
  readonly proposed: Extract<By, { type: 'CommandProposed' }>;
  readonly status: ProposalStatus;
}

/** undefined: nothing was proposed. */
export function proposalIn<By extends ProposalEvent>(events: readonly By[]): Proposal<By> | undefined {
  const proposed = events.find(
    (event): event is Extract<By, { type: 'CommandProposed' }> => event.type === 'CommandProposed',
  );
  if (proposed === undefined) return undefined;
  const types = new Set(events.map(({ type }) => type));
  const status = types.has('ProposalApproved') ? 'approved' : types.has('ProposalRejected') ? 'rejected' : 'open';
  return { proposed, status };
}

/** Errors: `unknown_proposal`. */
export function proposalOf<By extends ProposalEvent>(events: readonly By[], proposalId: string): Proposal<By> {
  const known = proposalIn(events);
  if (known === undefined)
    throw notFound('unknown_proposal', `there is no proposal ${proposalId}. The query proposals lists all of them.`);
  return known;
}

/** Whether an amount is above its limit. */
export const isAbove = (limits: FourEyes, amounts: readonly ProposedAmount[]): boolean =>
  amounts.some(({ currency, amount }) => decimal(amount).gt(limitOf(limits, currency)));

export const limitOf = (limits: FourEyes, currency: string) => {
  const limit = limits.get(currency);
  return limit === undefined ? ZERO : decimal(limit);
};

/** Nothing, if it is proposed already. */
export const proposeCommand = (known: readonly ProposalEvent[], data: Proposed): ProposalEvent[] =>
  known.length > 0 ? [] : [{ type: 'CommandProposed', data }];

/** Errors: `proposal_decided`. */
export function assertUndecided(known: Proposal | undefined): void {
  if (known === undefined || known.status === 'open') return;
  throw decided(known.proposed.data.proposalId, known.status, PROPOSE_AGAIN);
}

/** Errors: `four_eyes`, if the approver proposed it. */
export function assertOther(proposer: string, approver: string): void {
  if (proposer === approver)
    throw new DomainError('four_eyes', `${proposer} proposed it. Another person must approve it.`, 'forbidden');
}

/** Errors: `unknown_proposal`, `proposal_decided`. */
export function approveProposal(known: readonly ProposalEvent[], data: DataOf<'ProposalApproved'>): ProposalEvent[] {
  const { status } = proposalOf(known, data.proposalId);
  if (status === 'rejected') throw decided(data.proposalId, status, PROPOSE_AGAIN);
  return status === 'approved' ? [] : [{ type: 'ProposalApproved', data }];
}

/** Errors: `unknown_proposal`, `proposal_decided`. */
export function rejectProposal(known: readonly ProposalEvent[], data: DataOf<'ProposalRejected'>): ProposalEvent[] {
  const { status } = proposalOf(known, data.proposalId);
  if (status === 'approved') throw decided(data.proposalId, status, 'Correct what it recorded.');
  return status === 'rejected' ? [] : [{ type: 'ProposalRejected', data }];
}

const PROPOSE_AGAIN = 'Send its command again with another idempotencyKey.';

const decided = (proposalId: string, status: ProposalStatus, remedy: string): DomainError =>
  conflict('proposal_decided', `proposal ${proposalId} was ${status}. ${remedy}`);
