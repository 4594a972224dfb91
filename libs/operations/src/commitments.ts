import { z } from 'zod';
import { conflict, invalid } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { assertCommittedCurrency, assertCommittedKinds, commitmentKey } from '#domain/lines/commitment-lines';
import { billedFrom, changesOf, isCommitment, type LineDefinition } from '#domain/lines/line';
import { scalarOf } from '#domain/lines/rate';
import {
  type Commitment,
  commitmentAmong,
  type CommitmentTerm,
  correctCommitment,
  foldCommitments,
  guardCommitment,
  spanOf,
  type StatedCommitment,
  withdrawCommitment,
  zCommitmentTerm,
} from '#domain/plans/commitment';
import { COMMITMENT } from '#domain/plans/plan';
import { decimal, type Decimal, max, sum, ZERO } from '#domain/money/decimal';
import { moneyText, toMoney } from '#domain/money/money';
import { isDomainError, zCurrency, zId, zText } from '#domain/schema';
import {
  deploymentStream,
  isCommitmentEvent,
  type Subscription,
  subscriptionPeriods,
} from '#domain/tenants/deployment';
import { tenantStream } from '#domain/tenants/tenant';
import { earlier, type Instant, isBefore, lastInstantBefore } from '#domain/time/instant';
import { intersection, lengthMicros, overlaps, type Period } from '#domain/time/period';
import { type AccruedLine, accruedLines, isLastInstant, issuedOfLines } from '#billing/invoices/accrued-lines';
import { allLines } from '#billing/invoices/contracts';
import { loadUsage } from '#billing/invoices/line-usage';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import { deploymentOf, isDeploymentEvent } from '#ledger/deployment';
import type { LedgerCore } from '#ledger/ledger-core';
import { corrected } from '#ledger/overtaken';
import {
  defineQuery,
  momentOf,
  pageOfRows,
  type QueryContext,
  READERS,
  visibleTenant,
  zAt,
  zOptionalId,
  zPage,
} from '#ledger/query';
import { tenantOf } from '#ledger/tenant';
import { readLinesOfKind } from '#projections/invoice-lines/invoice-lines.read';
import { COMMITMENT_ORDER, readCommitmentPage, toCommitment } from '#projections/deployments/deployments.read';
import { listOf, zMoney, zQuarantine, zSpan } from './answers.js';
import type { Operations } from './declared.js';
import { plansOf, usingPlans } from './plans.js';
import { APRIL, MID_APRIL } from './story.js';
import { knownDeploymentOf, subscriptionIn } from './subscriptions.js';

type CommitmentFact = Extract<
  RecordedEvent,
  { readonly type: 'CommitmentSet' | 'CommitmentCorrected' | 'CommitmentWithdrawn' }
>;
const isFact = (event: RecordedEvent): event is CommitmentFact => isDeploymentEvent(event) && isCommitmentEvent(event);

type Key = Pick<Commitment, 'commitmentId' | 'subscriptionId'>;
const factsOf =
  ({ commitmentId, subscriptionId }: Key) =>
  (event: RecordedEvent): event is CommitmentFact =>
    isFact(event) && event.data.commitmentId === commitmentId && event.data.subscriptionId === subscriptionId;

const saidOf = ({ type, data: { commitmentId } }: CommitmentFact): string =>
  `commitment ${commitmentId} was ${SAID[type]}`;
const SAID = { CommitmentSet: 'set', CommitmentCorrected: 'corrected', CommitmentWithdrawn: 'withdrawn' } as const;

const knownIn = (events: readonly RecordedEvent[]): readonly Commitment[] => foldCommitments(events.filter(isFact));

const { start, end, amount } = zCommitmentTerm.shape;
const fields = {
  commitmentId: zId.describe('The name of the commitment. Each subscription has its own'),
  subscriptionId: zId,
  tenantId: zId.describe('The tenant that commits itself. It holds while the deployment is of this tenant'),
  currency: zCurrency.describe('Charges in it draw the commitment down'),
  terms: z
    .array(
      z.strictObject({
        start: start.describe('Where a billing period of the subscription starts'),
        end: end.describe('Where a billing period ends. The true-up is due then'),
        amount: amount.describe('What the tenant pays at least for the term, before tax'),
      }),
    )
    .min(1)
    .describe('They follow each other without a gap. A ramp has several, each with an amount of its own'),
  billingKinds: z
    .array(zId)
    .min(1)
    .optional()
    .describe('The billing kinds whose charges draw it down. Default: all but base_fee'),
};

const setCommitment = defineCommand({
  name: 'set-commitment',
  summary:
    'Sets what a tenant pays at least for a subscription over terms of several billing periods. What the charges of a' +
    ' term lack to its amount is billed when the term ends',
  fields: z.strictObject(fields),
  key: ({ subscriptionId, commitmentId }) => [subscriptionId, commitmentId],
  mistakes: { correctedBy: ['correct-commitment', 'withdraw'] },
  stated: (key, events) => commitmentAmong(knownIn(events), key),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ subscriptionId: zId, commitmentId: zId }),
    async handle(call, core, correction) {
      return corrected(core, call, {
        stream: deploymentStream(await knownDeploymentOf(core, call.fields.subscriptionId)),
        isOf: factsOf(call.fields),
        decide: (events) => withdrawCommitment(commitmentAmong(knownIn(events), call.fields), call.fields, correction),
        saidOf,
      });
    },
  }),
  example: {
    ...{ commitmentId: 'year-1', subscriptionId: 'acme-sub', tenantId: 'acme', currency: 'USD' },
    terms: [{ start: APRIL.start, end: '2027-04-01T00:00:00Z', amount: '12000.00' }],
    billingKinds: ['gateway'],
  },
  async handle(call, core) {
    const deploymentId = await knownDeploymentOf(core, call.fields.subscriptionId);
    return usingPlans(core, async () =>
      core.book.decide(deploymentStream(deploymentId), call, async (events) => {
        const commitment = await agreed(core, call.fields, { deploymentId, events });
        return { events: [{ type: 'CommitmentSet', data: commitment }] };
      }),
    );
  },
});

const correctTheCommitment = defineCommand({
  name: 'correct-commitment',
  summary: 'Corrects a commitment. The fields state it as a whole, as it is true',
  fields: z.strictObject({ ...fields, reason: zText.min(1) }),
  key: 'body',
  mistakes: { correctedBy: ['correct-commitment'] },
  example: {
    ...{ commitmentId: 'year-1', subscriptionId: 'acme-sub', tenantId: 'acme', currency: 'USD' },
    terms: [{ start: APRIL.start, end: '2027-04-01T00:00:00Z', amount: '11000.00' }],
    billingKinds: ['gateway'],
    reason: 'as signed',
  },
  async handle(call, core) {
    const { reason, ...stated } = call.fields;
    const deploymentId = await knownDeploymentOf(core, stated.subscriptionId);
    return usingPlans(core, async () =>
      corrected(core, call, {
        stream: deploymentStream(deploymentId),
        isOf: factsOf(stated),
        async decide(events) {
          const commitment = await agreed(core, stated, { deploymentId, events });
          return correctCommitment(commitmentAmong(knownIn(events), stated), commitment, reason);
        },
        saidOf,
      }),
    );
  },
});

/**
 * The commitment, if it can be billed as it is stated. Errors: `other_holder`, `currency_mismatch`,
 * `unknown_billing_kind`, `commitment_period`, and those of `guardCommitment`.
 */
async function agreed(
  core: LedgerCore,
  stated: StatedCommitment,
  { deploymentId, events }: { readonly deploymentId: string; readonly events: readonly RecordedEvent[] },
): Promise<Commitment> {
  guardCommitment(stated, knownIn(events));
  const { subscriptionId, tenantId, currency, commitmentId, terms, billingKinds } = stated;
  const deployment = deploymentOf(events, deploymentId);
  const subscription = subscriptionIn(deployment, subscriptionId);
  const { timeZone } = tenantOf(await core.book.load(tenantStream(tenantId)), tenantId);
  const span = spanOf(stated);
  const held = subscriptionPeriods(subscription, deployment.assignments).filter((each) => each.tenantId === tenantId);
  if (!held.some(({ period }) => overlaps(period, span)))
    throw conflict(
      'other_holder',
      `subscription ${subscriptionId} does not run for tenant ${tenantId} from ${span.start} to ${span.end}: name the` +
        ' tenant that has its deployment then',
      [{ field: 'tenantId', message: 'does not have the subscription then' }],
    );
  const plans = await plansOf(core, subscription);
  const agreedTerms = { assignments: deployment.assignments, plans };
  assertCommittedCurrency(subscription, agreedTerms, stated);
  assertCommittedKinds(subscription, agreedTerms, stated);
  const billed = { plans, changes: changesOf(subscription, plans), timeZone };
  const starts = new Set(held.map(({ period }) => period.start));
  for (const [index, term] of terms.entries()) {
    if (index === 0 && !starts.has(term.start))
      assertBoundary(subscription, billed, { at: term.start, field: 'terms[0].start' });
    assertBoundary(subscription, billed, { at: term.end, field: `terms[${index}].end` });
  }
  return {
    ...{ commitmentId, subscriptionId, deploymentId, tenantId, currency, terms },
    ...(billingKinds === undefined ? {} : { billingKinds }),
  };
}

/** Refuses an instant at which no billing period ends. Errors: `commitment_period`. */
function assertBoundary(
  subscription: Subscription,
  billed: Parameters<typeof billedFrom>[1],
  { at, field }: { readonly at: Instant; readonly field: string },
): void {
  const { billingPeriod, next } = billedFrom(subscription, billed, lastInstantBefore(at));
  if (next === at) return;
  throw invalid(
    'commitment_period',
    `${field}: ${at} is within a billing period of the subscription: give ${billingPeriod.start} or ${next}`,
    [{ field, message: `is not where a billing period starts or ends, such as ${next}` }],
  );
}

const zTerm = z
  .object({
    period: zSpan,
    lineId: z.string().nullable().describe('The line of its true-up. null: the term has not started'),
    state: z
      .enum(['upcoming', 'running', 'ended', 'not_held'])
      .describe('not_held: the subscription does not run for the tenant in it'),
    committed: zMoney,
    drawnDown: zMoney
      .nullable()
      .describe(
        'What the charges of the term come to, billed or not: before coupons, credits and tax. null: see quarantine',
      ),
    remaining: zMoney.nullable().describe('committed − drawnDown, but at least 0'),
    trueUp: zMoney.describe('What lacks to the commitment, once the term is over, less coupons. Until then 0'),
    billed: zMoney.describe('Of the true-up, what is issued, with its corrections'),
    quarantine: zQuarantine.nullable(),
  })
  .meta({ id: 'CommitmentTerm' });

const zShownCommitment = z
  .object({
    commitmentId: z.string(),
    subscriptionId: z.string(),
    deploymentId: z.string(),
    tenantId: z.string(),
    currency: z.string(),
    billingKinds: z.array(z.string()).nullable().describe('null: all but base_fee'),
    terms: z.array(zTerm),
  })
  .meta({ id: 'Commitment' });

const commitments = defineQuery({
  name: 'commitments',
  summary: 'The commitments of subscriptions: what of each term is drawn down, what remains, and what was billed',
  path: 'commitments',
  params: zPage.extend({ tenantId: zOptionalId, subscriptionId: zOptionalId, ...zAt }),
  roles: READERS,
  answer: listOf(zShownCommitment),
  cost: 6,
  example: { tenantId: 'acme', at: MID_APRIL },
  async handle({ tenantId, subscriptionId, at: asked, asOf, knownAt, ...page }, context) {
    const visible = await visibleTenant(context, tenantId);
    const at = asked ?? (await momentOf(context, { asOf, knownAt }));
    const { core, position } = context;
    return pageOfRows({
      ...{ order: COMMITMENT_ORDER, page, position },
      read: async (rows) => readCommitmentPage(core.db, position, { tenantId: visible, subscriptionId }, rows),
      toItems: async (rows) => shownCommitments(context, rows.map(toCommitment), at),
    });
  },
});

/** The terms of each, as known at the position, drawn down up to an instant. */
async function shownCommitments({ core, position }: QueryContext, of: readonly Commitment[], at: Instant) {
  const deploymentIds = [...new Set(of.map(({ deploymentId }) => deploymentId))];
  const all = deploymentIds.length === 0 ? [] : await allLines(core, position, at, { deploymentIds });
  const lines = all.filter(isCommitment);
  const upTo = ({ period }: LineDefinition): Instant =>
    isLastInstant(period, at) ? period.end : earlier(at, period.end);
  const needs = lines.map((line) => ({ line, instants: [upTo(line)] }));
  const usage = await loadUsage(core, position, needs);
  const drawn = (line: LineDefinition): Drawn => drawnOf(() => scalarOf(usage(line)(upTo(line))));
  const accrued = new Map((await accruedLines(core, position, lines, at)).map((each) => [each.line.lineId, each]));
  const moved = await movedLines(core, position, deploymentIds, new Set(lines.map(({ lineId }) => lineId)));
  return of.map((commitment) => {
    const { currency, terms, billingKinds = null, ...ids } = commitment;
    const own = lines.filter((line) => isLineOf(line, commitment));
    const before = moved.filter((line) => isLineOf(line, commitment) && line.currency === currency);
    return {
      ...{ ...ids, currency, billingKinds },
      terms: terms.map((term) => {
        const line = own.find((each) => each.term?.start === term.start);
        const issuedBefore = sum(before.filter((each) => termOf(each, terms) === term).map(({ issued }) => issued));
        if (line === undefined)
          return shownTerm(term, currency, { state: isBefore(at, term.start) ? 'upcoming' : 'not_held', issuedBefore });
        const state = isBefore(upTo(line), line.period.end) ? 'running' : 'ended';
        return shownTerm(term, currency, {
          ...{ state, line, issuedBefore, drawn: drawn(line) },
          due: accrued.get(line.lineId),
        });
      }),
    };
  });
}

/** A line of a term that turned out to have other bounds, and what is still booked of it. */
interface MovedLine {
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly itemKey: string;
  readonly currency: string;
  readonly period: Period;
  readonly issued: Decimal;
}

async function movedLines(
  core: LedgerCore,
  position: number,
  deploymentIds: readonly string[],
  known: ReadonlySet<string>,
): Promise<MovedLine[]> {
  const recorded = await readLinesOfKind(core.db, position, COMMITMENT, deploymentIds);
  const moved = recorded
    .filter((row) => !known.has(row.line_id))
    .map((row) => ({
      ...{ lineId: row.line_id, subscriptionId: row.subscription_id, tenantId: row.tenant_id },
      ...{ itemKey: row.item_key, currency: row.currency },
      period: { start: row.period_start, end: row.period_end },
    }));
  const issued = await issuedOfLines(core, position, moved);
  return moved.map((line) => ({ ...line, issued: issued.get(line.lineId) ?? ZERO }));
}

/** The term that a line was of: the one that has most of its period. */
function termOf({ period }: MovedLine, terms: readonly CommitmentTerm[]): CommitmentTerm | undefined {
  const common = (term: CommitmentTerm): bigint => {
    const both = intersection(period, term);
    return both === null ? 0n : lengthMicros(both);
  };
  return terms.reduce((best, each) => (best !== undefined && common(each) <= common(best) ? best : each), terms[0]);
}

const isLineOf = (
  line: Pick<LineDefinition, 'subscriptionId' | 'tenantId' | 'itemKey'>,
  { commitmentId, subscriptionId, tenantId }: Commitment,
): boolean =>
  line.subscriptionId === subscriptionId && line.tenantId === tenantId && line.itemKey === commitmentKey(commitmentId);

/** What was drawn down, or why that is not known. */
type Drawn = { readonly amount: Decimal } | { readonly code: string; readonly message: string };

function drawnOf(read: () => Decimal): Drawn {
  try {
    return { amount: read() };
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return { code: error.code, message: error.message };
  }
}

interface Reached {
  readonly state: z.infer<typeof zTerm>['state'];
  readonly line?: LineDefinition;
  readonly drawn?: Drawn;
  readonly due?: AccruedLine | undefined;
  /** What is booked of lines that the term had before its bounds turned out to be others. */
  readonly issuedBefore: Decimal;
}

function shownTerm(
  { start: from, end: until, amount: stated }: CommitmentTerm,
  currency: string,
  { state, line, drawn = { amount: ZERO }, due, issuedBefore }: Reached,
) {
  const money = (value: Decimal): string => moneyText(value, currency);
  const committed = toMoney(decimal(stated), currency);
  return {
    period: line?.period ?? { start: from, end: until },
    lineId: line?.lineId ?? null,
    state,
    committed: money(committed),
    drawnDown: 'amount' in drawn ? money(drawn.amount) : null,
    remaining: 'amount' in drawn ? money(max(committed.minus(drawn.amount), ZERO)) : null,
    trueUp: money(due?.accrued ?? ZERO),
    billed: money((due?.issued ?? ZERO).plus(issuedBefore)),
    quarantine: 'amount' in drawn ? null : drawn,
  };
}

export const commitmentOperations: Operations = {
  commands: [setCommitment, correctTheCommitment],
  queries: [commitments],
};
