import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { conflict } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { type CreditEvent, creditEvents, creditStream, grant, revoke } from '#domain/invoices/credits';
import { zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { tenantStream } from '#domain/tenants/tenant';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '#ledger/command';
import { LedgerCore } from '#ledger/ledger-core';
import { assertTenant } from './tenants.commands.js';

const zGrant = z.strictObject({
  creditId: zId,
  tenantId: zId,
  currency: zCurrency,
  from: zInstant,
  until: zInstant.optional(),
  reason: zText.optional(),
});

const grantCredit = defineCommand({
  name: 'grant-credit',
  schema: zGrant.extend({ amount: zDecimal }),
  key: ({ tenantId, currency, creditId }) => [tenantId, currency, creditId],
});
const grantCoupon = defineCommand({
  name: 'grant-coupon',
  schema: zGrant.extend({ percent: zDecimal, billingKinds: z.array(zId).min(1).optional() }),
  key: ({ tenantId, currency, creditId }) => [tenantId, currency, creditId],
});
const revokeCredit = defineCommand({
  name: 'revoke-credit',
  schema: z.strictObject({ creditId: zId, tenantId: zId, currency: zCurrency, at: zInstant, reason: zText.min(1) }),
  key: ({ tenantId, currency, creditId }) => [tenantId, currency, creditId],
});

export const creditCommands = [grantCredit, grantCoupon, revokeCredit];

export class CreditCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

const isCreditEvent = (event: RecordedEvent): event is Extract<RecordedEvent, CreditEvent> =>
  Object.hasOwn(creditEvents, event.type);

@CommandHandler(CreditCommand)
export class CreditHandler implements ICommandHandler<CreditCommand> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ call }: CreditCommand): Promise<CommandDone> {
    if (isCall(call, grantCredit)) {
      const { until = null, reason, ...data } = call.fields;
      return this.decide(call, data, (events) =>
        grant(events, { type: 'CreditGranted', data: { ...data, until, ...(reason === undefined ? {} : { reason }) } }),
      );
    }
    if (isCall(call, grantCoupon)) {
      const { until = null, reason, billingKinds, ...data } = call.fields;
      const coupon = {
        ...data,
        until,
        ...(reason === undefined ? {} : { reason }),
        ...(billingKinds === undefined ? {} : { billingKinds }),
      };
      return this.decide(call, data, (events) => grant(events, { type: 'CouponGranted', data: coupon }));
    }
    if (isCall(call, revokeCredit)) return this.decide(call, call.fields, (events) => revoke(events, call.fields));
    throw new Error(`${call.name} is not a command of credits`);
  }

  /** A tenant is billed in its own currency: a credit in another could never be taken. */
  private async decide(
    call: CommandCall,
    { tenantId, currency }: { tenantId: string; currency: string },
    decision: (events: readonly CreditEvent[]) => CreditEvent[],
  ): Promise<CommandDone> {
    const tenant = await this.core.book.load(tenantStream(tenantId));
    assertTenant(tenant, tenantId);
    const own = tenant.find((event) => event.type === 'TenantRegistered')?.data.currency;
    if (own !== currency)
      throw conflict('currency_mismatch', `tenant ${tenantId} is billed in ${own ?? 'no currency'}, not ${currency}`);
    return this.core.book.decide(creditStream(tenantId, currency), call, (events) => ({
      events: decision(events.filter(isCreditEvent)),
    }));
  }
}
