import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import type { RecordedEvent } from '#domain/events';
import {
  correctionStretch,
  correctRate,
  foldRates,
  RATE_BASES,
  type RateEvent,
  type RateSegment,
  rateKeyText,
  rateStream,
  setRate,
  withdrawRate,
} from '#domain/rates/rate';
import { zCurrency, zDecimal, zInstant, zText } from '#domain/schema';
import { compareInstants } from '#domain/time/instant';
import { type OpenPeriod, overlaps, periodText } from '#domain/time/period';
import { type RateKey, zRateKey } from '#domain/usage/usage';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '#ledger/command';
import { LedgerCore } from '#ledger/ledger-core';
import { assertNotOvertaken, basisOf } from '#ledger/overtaken';

const zPrice = zDecimal.refine((value) => !value.startsWith('-'), 'must not be negative');

const setRateCommand = defineCommand({
  name: 'set-rate',
  schema: zRateKey.extend({
    unit: zText.optional(),
    unitPrice: zPrice,
    currency: zCurrency.default('USD'),
    basis: z.enum(RATE_BASES).default('duration'),
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.optional(),
  }),
  key: ({ resourceType, resourceFamily, location, effectiveFrom }) => [
    resourceType,
    resourceFamily,
    location,
    effectiveFrom,
  ],
});
const correctRateCommand = defineCommand({
  name: 'correct-rate',
  schema: zRateKey.extend({
    unitPrice: zPrice,
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.optional(),
    reason: zText.min(1),
  }),
  key: 'body',
});
const withdrawRateCommand = defineCommand({
  name: 'withdraw-rate',
  schema: zRateKey.extend({ from: zInstant, reason: zText.min(1) }),
  key: ({ resourceType, resourceFamily, location, from }) => [resourceType, resourceFamily, location, from],
});

export const rateCommands = [setRateCommand, correctRateCommand, withdrawRateCommand];

export class RateCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

@CommandHandler(RateCommand)
export class RateHandler implements ICommandHandler<RateCommand> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ call }: RateCommand): Promise<CommandDone> {
    if (isCall(call, setRateCommand)) {
      const { unit, effectiveUntil, ...fields } = call.fields;
      return this.decide(call, fields, (segments) =>
        setRate(segments, { ...fields, unit: unit ?? null, effectiveUntil: effectiveUntil ?? null }),
      );
    }
    if (isCall(call, correctRateCommand)) return this.correct(call);
    if (isCall(call, withdrawRateCommand))
      return this.decide(call, call.fields, (segments) => withdrawRate(segments, call.fields));
    throw new Error(`${call.name} is not a command of rates`);
  }

  private async correct(call: CommandCall<z.output<typeof correctRateCommand.schema>>): Promise<CommandDone> {
    const { effectiveUntil, ...fields } = call.fields;
    const basis = await basisOf(this.core, call);
    return this.decide(call, fields, (segments, history) => {
      const input = { ...fields, effectiveUntil: effectiveUntil ?? null };
      const corrected = correctRate(segments, input, history);
      // As it was meant by who looked then: another's change must not shorten it unseen.
      const meant = correctionStretch(foldRates(history.filter(({ position }) => position <= basis)), input);
      if (corrected.length > 0) assertNotOvertaken(call, basis, history, (event) => saidOf(event, meant));
      return corrected;
    });
  }

  private async decide(
    call: CommandCall,
    key: RateKey,
    decision: (segments: readonly RateSegment[], history: readonly RecordedRateEvent[]) => RateEvent[],
  ): Promise<CommandDone> {
    return this.core.book.decide(
      rateStream(key),
      call,
      (events) => {
        const history = events.filter(isRateEvent);
        return { events: decision(foldRates(history), history) };
      },
      undoes,
    );
  }
}

/** A withdrawal undoes what was set or corrected from its instant on; a price that is set after a withdrawal's instant undoes that. */
function undoes(later: RecordedEvent, earlier: RecordedEvent): boolean {
  if (later.type === 'RateWithdrawn' && (earlier.type === 'RateSet' || earlier.type === 'RateCorrected'))
    return compareInstants(later.data.from, earlier.data.effectiveFrom) <= 0;
  if (earlier.type !== 'RateWithdrawn' || (later.type !== 'RateSet' && later.type !== 'RateCorrected')) return false;
  return overlaps(stretchOf(later.data), stretchOf(earlier.data));
}

/** What an event says of a key's price over a stretch; null: nothing. */
function saidOf({ data }: RecordedRateEvent, stretch: OpenPeriod): string | null {
  if (!overlaps(stretchOf(data), stretch)) return null;
  const over = `${rateKeyText(data)} over ${periodText(stretchOf(data))}`;
  return 'unitPrice' in data ? `${over} became ${data.unitPrice}` : `${over} was withdrawn`;
}

const stretchOf = (data: RateEvent['data']): OpenPeriod =>
  'from' in data ? { start: data.from, end: null } : { start: data.effectiveFrom, end: data.effectiveUntil };

type RecordedRateEvent = Extract<RecordedEvent, RateEvent>;
const isRateEvent = (event: RecordedEvent): event is RecordedRateEvent =>
  event.type === 'RateSet' || event.type === 'RateCorrected' || event.type === 'RateWithdrawn';
