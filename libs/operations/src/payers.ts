import { z } from 'zod';
import { isEventOf, type RecordedEvent } from '#domain/events';
import { assertAnother, assertOneLevel, payerEvents, type PayerTerms } from '#domain/tenants/payer';
import { tenantStream } from '#domain/tenants/tenant';
import { evolveTerms, foldTerms } from '#domain/terms/terms';
import { zId, zInstant, zText } from '#domain/schema';
import { assertEffective } from '#domain/time/period';
import { correctedTerms, statedTerms, type TermsSubject, withdrawnTerms } from '#ledger/dated-terms';
import type { CommandDone } from '#ledger/command';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { defineQuery, pageOfRows, READERS, zAt, zOptionalId, zPage } from '#ledger/query';
import { tenantOf } from '#ledger/tenant';
import { PAYER_ORDER, readPayerPage, readPayersAround } from '#projections/payers/payers.read';
import { inForce, listOf } from './answers.js';
import type { Operations } from './declared.js';

const JULY = { start: '2026-07-01T00:00:00Z', end: '2026-08-01T00:00:00Z' };

type PayerFact = Extract<RecordedEvent, { readonly type: 'PayerSet' | 'PayerCorrected' }>;
const isPayer: (event: RecordedEvent) => event is PayerFact = isEventOf(payerEvents);

const KIND = { isOf: isPayer, dataOf: ({ data }: PayerFact) => data };

type PayerSubject = TermsSubject<PayerTerms, PayerFact>;

/**
 * Decides on the payers of a tenant, one command after the other: they are in the streams of several tenants, and two
 * commands at the same time could each miss what the other makes a payer of a payer. `payerId`: the one that the
 * command states. Errors: `unknown_tenant`, `own_payer`.
 */
const oneAfterAnother = async (
  core: LedgerCore,
  { tenantId, payerId }: { readonly tenantId: string; readonly payerId: string | null },
  decide: (subject: PayerSubject) => Promise<CommandDone>,
): Promise<CommandDone> => core.exclusively('payers', async () => decide(await subjectOf(core, tenantId, payerId)));

async function subjectOf(core: LedgerCore, tenantId: string, payerId: string | null): Promise<PayerSubject> {
  assertAnother(tenantId, payerId);
  if (payerId !== null) tenantOf(await core.book.load(tenantStream(payerId)), payerId);
  const around = await readPayersAround(core.db, await core.projector.catchUp(), { tenantId, payerId });
  return {
    ...KIND,
    ...{ stream: tenantStream(tenantId), name: `the payer of tenant ${tenantId}`, unknown: 'unknown_payer' },
    command: 'set-payer',
    correctedBy: (correction) => ({ type: 'PayerCorrected', data: { tenantId, ...correction } }),
    assertFitting(after, events) {
      tenantOf(events, tenantId);
      assertOneLevel(tenantId, after, around);
    },
  };
}

const fields = {
  tenantId: zId,
  payerId: zId.nullable().describe('The tenant that its invoices are addressed to; null: the tenant itself'),
  effectiveFrom: zInstant,
  effectiveUntil: zInstant.optional(),
};

const setPayer = defineCommand({
  name: 'set-payer',
  summary: 'Sets the tenant that pays for another: its invoices are addressed to the payer, from an instant on',
  fields: z.strictObject(fields),
  key: ({ tenantId, effectiveFrom }) => [tenantId, effectiveFrom],
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-payer', 'withdraw'] },
  stated: ({ effectiveFrom }, events) => statedTerms(KIND, effectiveFrom, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ tenantId: zId, effectiveFrom: zInstant }),
    async handle(call, core, correction) {
      const { tenantId, effectiveFrom } = call.fields;
      return oneAfterAnother(core, { tenantId, payerId: null }, async (subject) =>
        withdrawnTerms(core, call, subject, { effectiveFrom, correction }),
      );
    },
  }),
  example: { tenantId: 'acme', payerId: 'globex', effectiveFrom: JULY.start },
  async handle(call, core) {
    const { tenantId, payerId, effectiveFrom, effectiveUntil = null } = call.fields;
    assertEffective(effectiveFrom, effectiveUntil);
    return oneAfterAnother(core, { tenantId, payerId }, async (subject) =>
      core.book.decide(subject.stream, call, (events) => {
        const data = { tenantId, terms: { payerId }, effectiveFrom, effectiveUntil };
        const before = foldTerms(events.filter(isPayer).map(subject.dataOf));
        subject.assertFitting?.(evolveTerms<PayerTerms>(before, data), events);
        return { events: [{ type: 'PayerSet', data }] };
      }),
    );
  },
});

const correctPayer = defineCommand({
  name: 'correct-payer',
  summary: 'Corrects the payer of a tenant over a period. Issued invoices stay as they are',
  fields: z.strictObject({ ...fields, reason: zText.min(1) }),
  key: 'body',
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-payer'] },
  example: {
    ...{ tenantId: 'acme', payerId: null, effectiveFrom: JULY.start, effectiveUntil: JULY.end },
    reason: 'acme still paid for itself in July',
  },
  async handle(call, core) {
    const { tenantId, payerId, effectiveFrom: from, effectiveUntil: until = null, reason } = call.fields;
    assertEffective(from, until);
    const stated = { terms: { payerId }, from, until };
    return oneAfterAnother(core, { tenantId, payerId }, async (subject) =>
      correctedTerms(core, call, subject, { stated, reason }),
    );
  },
});

const zPayer = z
  .object({
    tenantId: z.string(),
    payerId: z.string().nullable().describe('null: the tenant pays for itself'),
    ...inForce,
  })
  .meta({ id: 'Payer' });

const payers = defineQuery({
  name: 'payers',
  summary: 'Which tenants pay for others, with the periods in which that is in force. A tenant sees its own',
  path: 'payers',
  params: zPage.extend({
    tenantId: zOptionalId,
    payerId: zId.optional().describe('Only of tenants that this one pays for'),
    ...zAt,
  }),
  roles: READERS,
  answer: listOf(zPayer),
  example: { tenantId: 'acme' },
  async handle({ tenantId, payerId, at: effectiveAt, ...page }, { core, position, confinedTo }) {
    return pageOfRows({
      ...{ order: PAYER_ORDER, page, position },
      read: async (rows) => readPayerPage(core.db, position, { tenantId, payerId, effectiveAt, confinedTo }, rows),
      toItems: (rows) =>
        rows.map(({ tenant_id, payer_id, effective_from, effective_until }) => ({
          ...{ tenantId: tenant_id, payerId: payer_id },
          ...{ effectiveFrom: effective_from, effectiveUntil: effective_until },
          period: { start: effective_from, end: effective_until },
        })),
    });
  },
});

export const payerOperations: Operations = {
  commands: [setPayer, correctPayer],
  queries: [payers],
};
