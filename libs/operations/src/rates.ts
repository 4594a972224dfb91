import { z } from 'zod';
import type { Correction } from '#domain/correction';
import { notFound } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { decimal, text } from '#domain/money/decimal';
import { needsRates } from '#domain/prices/price';
import {
  correctionStretch,
  correctRate as decideCorrection,
  foldRates,
  RATE_BASES,
  type RateEvent,
  rateEvents,
  type RateSegment,
  rateKeyText,
  rateStream,
  setRate as decideRate,
  withdrawRate as decideWithdrawal,
} from '#domain/rates/rate';
import { withdrawRateEvents } from '#domain/rates/rate-withdrawal';
import { zCurrency, zDecimal, zInstant, zText } from '#domain/schema';
import { compareInstants, FROM_EVER } from '#domain/time/instant';
import { type OpenPeriod, overlaps, periodText } from '#domain/time/period';
import { type RateKey, zRateKey } from '#domain/usage/usage';
import type { CommandCall, CommandDone } from '#ledger/command';
import { neverWith, recordedUnder, withdraws } from '#ledger/appending/withdrawals';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { statedOver } from '#ledger/stated';
import { assertNotOvertaken, basisOf } from '#ledger/overtaken';
import { defineQuery, pageOfRows, type QueryContext, READERS, zAt, zOptionalId, zPage } from '#ledger/query';
import { readOverridesOfTenant } from '#projections/deployments/deployments.read';
import { readPlanVersions } from '#projections/plans/plans.read';
import { readRateKeysOfTenant } from '#projections/rate-key-usage/rate-key-usage.read';
import { RATE_ORDER, readRatePage } from '#projections/rates/rates.read';
import type { RateRow } from '#projections/rates/rates.table';
import { inForce, listOf, zMoney } from './answers.js';
import type { Operations } from './declared.js';
import { ownPlans } from './plans.js';
import { zPublic } from './published-plan.js';
import { APRIL, MID_APRIL } from './story.js';

const zPrice = zDecimal.refine((value) => !value.startsWith('-'), 'must not be negative');
const KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'fra1' };

const setRate = defineCommand({
  name: 'set-rate',
  summary: 'Sets the price of a rate key from an instant on',
  fields: zRateKey.extend({
    unit: zText.optional(),
    unitPrice: zPrice,
    currency: zCurrency.default('USD'),
    basis: z.enum(RATE_BASES).default('duration'),
    public: zPublic,
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.optional(),
  }),
  key: ({ resourceType, resourceFamily, location, effectiveFrom }) => [
    resourceType,
    resourceFamily,
    location,
    effectiveFrom,
  ],
  mistakes: { correctedBy: ['correct-rate', 'withdraw'] },
  stated({ effectiveFrom }, events) {
    const history = events.filter(isRateEvent);
    const prices = foldRates(history).map(({ effectiveFrom: from, effectiveUntil: _, ...price }) => ({
      from,
      ...price,
    }));
    const facts = history.flatMap(({ type, data }) => (type === 'RateSet' ? [data.effectiveFrom] : []));
    return statedOver(prices, effectiveFrom, facts);
  },
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ ...zRateKey.shape, effectiveFrom: zInstant }),
    async handle(call, core, correction) {
      return withdrawEvents(core, call, correction, `no price was set from ${call.fields.effectiveFrom}`);
    },
  }),
  example: {
    ...KEY,
    unitPrice: '0.000171296',
    currency: 'USD',
    unit: 'minute',
    effectiveFrom: '2026-01-01T00:00:00Z',
  },
  async handle(call, core) {
    const { unit, effectiveUntil, ...fields } = call.fields;
    return decide(core, call, fields, (segments) =>
      decideRate(segments, { ...fields, unit: unit ?? null, effectiveUntil: effectiveUntil ?? null }),
    );
  },
});

const correctRate = defineCommand({
  name: 'correct-rate',
  summary: 'Corrects the price of a rate key for a past period',
  fields: zRateKey.extend({
    unitPrice: zPrice,
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.optional(),
    reason: zText.min(1),
  }),
  key: 'body',
  mistakes: { correctedBy: ['correct-rate'] },
  example: {
    ...KEY,
    unitPrice: '0.00017',
    effectiveFrom: APRIL.start,
    effectiveUntil: APRIL.end,
    reason: 'a typo in the price list',
  },
  async handle(call, core) {
    const { effectiveUntil, ...fields } = call.fields;
    const basis = await basisOf(core, call);
    return decide(core, call, fields, (segments, history) => {
      const input = { ...fields, effectiveUntil: effectiveUntil ?? null };
      const corrected = decideCorrection(segments, input, history);
      // The period that the caller saw at `basis`. A later change by others must not shorten it.
      const meant = correctionStretch(foldRates(history.filter(({ position }) => position <= basis)), input);
      if (corrected.length > 0) assertNotOvertaken(call, basis, history, (event) => saidOf(event, meant));
      return corrected;
    });
  },
});

const withdrawRate = defineCommand({
  name: 'withdraw-rate',
  summary: 'Withdraws the price of a rate key from an instant on',
  fields: zRateKey.extend({ from: zInstant, reason: zText.min(1) }),
  key: ({ resourceType, resourceFamily, location, from }) => [resourceType, resourceFamily, location, from],
  fourEyes: 'all',
  mistakes: { correctedBy: ['withdraw', 'correct-rate'] },
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ ...zRateKey.shape, from: zInstant }),
    async handle(call, core, correction) {
      return withdrawEvents(core, call, correction, `no price was withdrawn from ${call.fields.from}`);
    },
  }),
  example: { ...KEY, from: '2027-01-01T00:00:00Z', reason: 'no longer sold' },
  async handle(call, core) {
    return decide(core, call, call.fields, (segments) => decideWithdrawal(segments, call.fields));
  },
});

type RecordedRateEvent = Extract<RecordedEvent, RateEvent>;
const isRateEvent = (event: RecordedEvent): event is RecordedRateEvent => Object.hasOwn(rateEvents, event.type);

/**
 * Withdraws what a command recorded: the prices of the key are then those without it. Errors: `unknown_rate` with the
 * message `unknown`.
 */
async function withdrawEvents(
  core: LedgerCore,
  call: CommandCall<RateKey>,
  correction: Correction,
  unknown: string,
): Promise<CommandDone> {
  const key = call.fields;
  const basis = await basisOf(core, call);
  return decide(core, call, key, (segments, history) => {
    const [first] = recordedUnder(history, correction.withdrawn);
    const never = neverWith(history, correction.withdrawn);
    if (first === undefined || never === null) throw notFound('unknown_rate', `${rateKeyText(key)}: ${unknown}`);
    assertNotOvertaken(call, basis, history, (event) => saidOf(event, stretchOf(first)));
    return withdrawRateEvents(key, history, { before: segments, never }, correction);
  });
}

async function decide(
  core: LedgerCore,
  call: CommandCall,
  key: RateKey,
  decision: (segments: readonly RateSegment[], history: readonly RecordedRateEvent[]) => RateEvent[],
): Promise<CommandDone> {
  return core.book.decide(
    rateStream(key),
    call,
    (events) => {
      const history = events.filter(isRateEvent);
      return { events: decision(foldRates(history), history) };
    },
    undoes,
  );
}

/** A withdrawal undoes prices from its instant on. A price set for a time after a withdrawal undoes the withdrawal. */
function undoes(later: RecordedEvent, earlier: RecordedEvent): boolean {
  if (withdraws(later, earlier)) return true;
  if (later.type === 'RateWithdrawn' && (earlier.type === 'RateSet' || earlier.type === 'RateCorrected'))
    return compareInstants(later.data.from, earlier.data.effectiveFrom) <= 0;
  if (earlier.type !== 'RateWithdrawn' || (later.type !== 'RateSet' && later.type !== 'RateCorrected')) return false;
  return overlaps(stretchOf(later), stretchOf(earlier));
}

/** What an event changes in the price of a key within a period. null: nothing. */
function saidOf(event: RecordedRateEvent, stretch: OpenPeriod): string | null {
  const { data } = event;
  if (!overlaps(stretchOf(event), stretch)) return null;
  const over = `${rateKeyText(data)} over ${periodText(stretchOf(event))}`;
  if (event.type === 'RateKeyCorrected') return `${over} was corrected: ${event.data.reason}`;
  return 'unitPrice' in data ? `${over} became ${data.unitPrice}` : `${over} was withdrawn`;
}

function stretchOf({ type, data }: RateEvent): OpenPeriod {
  if (type === 'RateKeyCorrected') return { start: data.changedFrom ?? FROM_EVER, end: null };
  if (type === 'RateWithdrawn') return { start: data.from, end: null };
  return { start: data.effectiveFrom, end: data.effectiveUntil };
}

const zRate = z
  .object({
    resourceType: z.string(),
    resourceFamily: z.string(),
    location: z.string(),
    unit: z.string().nullable(),
    unitPrice: zMoney,
    currency: z.string(),
    basis: z.enum(RATE_BASES),
    public: z.boolean().describe('Whether every tenant sees it'),
    ...inForce,
  })
  .meta({ id: 'Rate' });

export const rates = defineQuery({
  name: 'rates',
  summary:
    'The prices of rate keys, with the periods in which they are in force. A tenant sees public prices, and the keys' +
    ' that its plans rate its usage under',
  path: 'rates',
  params: zPage.extend({
    resourceType: zOptionalId,
    resourceFamily: zOptionalId,
    location: zOptionalId,
    ...zAt,
  }),
  roles: READERS,
  answer: listOf(zRate),
  example: { resourceType: 'VmVCpu', at: MID_APRIL },
  async handle({ resourceType, resourceFamily, location, at, ...page }, context) {
    const { core, position } = context;
    const visible = await ownKeys(context);
    return pageOfRows({
      order: RATE_ORDER,
      page,
      position,
      read: async (rows) =>
        readRatePage(core.db, position, { resourceType, resourceFamily, location, at, visible }, rows),
      toItems: (rows) => rows.map(toItem),
    });
  },
});

/** The rate keys whose prices a confined caller sees even where they are not public. null: all keys. */
async function ownKeys(context: QueryContext): Promise<readonly RateKey[] | null> {
  const { core, position, confinedTo } = context;
  if (confinedTo === null) return null;
  const plans = await readPlanVersions(core.db, position, await ownPlans(context));
  const overrides = await readOverridesOfTenant(core.db, position, confinedTo);
  const kinds = [...plans, ...overrides].flatMap(({ items }) =>
    items.flatMap(({ price, billingKind }) => (price !== undefined && needsRates(price) ? [billingKind] : [])),
  );
  return readRateKeysOfTenant(core.db, position, confinedTo, [...new Set(kinds)]);
}

const toItem = (row: RateRow) => ({
  resourceType: row.resource_type,
  resourceFamily: row.resource_family,
  location: row.location,
  unit: row.unit,
  unitPrice: text(decimal(row.unit_price)),
  currency: row.currency,
  basis: row.basis,
  public: row.is_public,
  effectiveFrom: row.effective_from,
  effectiveUntil: row.effective_until,
  period: { start: row.effective_from, end: row.effective_until },
});

export const rateOperations: Operations = {
  commands: [setRate, correctRate, withdrawRate],
  queries: [rates],
};
