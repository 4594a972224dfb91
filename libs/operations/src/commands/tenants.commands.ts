import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { conflict, notFound } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import { decimal } from '#domain/money/decimal';
import { zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { assertNotRegistered, isTimeZone, type TaxRate, tenantStream } from '#domain/tenants/tenant';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '#ledger/command';
import { conflictingBody } from '#ledger/appending/event-book';
import { LedgerCore } from '#ledger/ledger-core';

const zPercent = zDecimal.refine(
  (value) => !value.startsWith('-') && decimal(value).lte(decimal('100')),
  'must be from 0 to 100',
);
const zTax = z.strictObject({ name: zText, ratePercent: zPercent, from: zInstant });

/** Longer than a period there is no use in waiting. */
const MAX_GRACE_HOURS = 31 * 24;

const registerTenant = defineCommand({
  name: 'register-tenant',
  schema: z.strictObject({
    tenantId: zId,
    name: zText,
    currency: zCurrency,
    timeZone: z.string().refine(isTimeZone, 'is not a time zone such as "Europe/Berlin"').default('UTC'),
    tax: zTax.optional(),
  }),
  key: ({ tenantId }) => [tenantId],
  personal: ['name'],
});

const setTax = defineCommand({
  name: 'set-tax',
  schema: zTax.extend({ tenantId: zId }),
  key: ({ tenantId, from }) => [tenantId, from],
});

const setGracePeriod = defineCommand({
  name: 'set-grace-period',
  schema: z.strictObject({ tenantId: zId, hours: z.int().min(0).max(MAX_GRACE_HOURS), from: zInstant }),
  key: ({ tenantId, from }) => [tenantId, from],
});

export const tenantCommands = [registerTenant, setTax, setGracePeriod];

/**
 * Of a tenant that was known already: that it is known by this name. Where the name was erased nobody can tell any more, and the rest of
 * the command is what it is known by. Errors: `conflicting_body`.
 */
export async function assertSameName(core: LedgerCore, call: CommandCall): Promise<void> {
  if (!isCall(call, registerTenant)) return;
  const { tenantId, name } = call.fields;
  const registered = (await core.book.load(tenantStream(tenantId))).find((event) => event.type === 'TenantRegistered');
  const ref = registered?.data.detailsRef ?? '';
  const kept = registered === undefined ? undefined : (await core.details.names([ref])).get(ref);
  if (kept !== undefined && kept !== name) throw conflictingBody(call);
}

export class TenantCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

@CommandHandler(TenantCommand)
export class TenantHandler implements ICommandHandler<TenantCommand> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ call }: TenantCommand): Promise<CommandDone> {
    if (isCall(call, registerTenant)) return this.register(call);
    if (isCall(call, setTax)) return this.setTax(call);
    if (isCall(call, setGracePeriod)) return this.setGracePeriod(call);
    throw new Error(`${call.name} is not a command of tenants`);
  }

  private async register(call: CommandCall<z.output<typeof registerTenant.schema>>): Promise<CommandDone> {
    const { tenantId, name, currency, timeZone, tax } = call.fields;
    return this.core.book.decide(tenantStream(tenantId), call, async (events) => {
      assertNotRegistered(events.length > 0, tenantId);
      const details = await this.core.details.keep(tenantId, name);
      const registered: LedgerEvent = { type: 'TenantRegistered', data: { tenantId, currency, timeZone, ...details } };
      return {
        events: tax === undefined ? [registered] : [registered, { type: 'TenantTaxSet', data: { tenantId, ...tax } }],
      };
    });
  }

  private async setTax(call: CommandCall<z.output<typeof setTax.schema>>): Promise<CommandDone> {
    const { tenantId, name, ratePercent, from } = call.fields;
    return this.core.book.decide(tenantStream(tenantId), call, (events) => {
      assertTenant(events, tenantId);
      const same = taxesOf(events).find((tax) => tax.from === from);
      if (same !== undefined && same.name === name && same.ratePercent === ratePercent) return { events: [] };
      if (same !== undefined)
        throw conflict(
          'tax_exists',
          `tenant ${tenantId} has ${same.name} of ${same.ratePercent} % from ${from} already`,
        );
      return { events: [{ type: 'TenantTaxSet', data: { tenantId, name, ratePercent, from } }] };
    });
  }

  private async setGracePeriod(call: CommandCall<z.output<typeof setGracePeriod.schema>>): Promise<CommandDone> {
    const { tenantId } = call.fields;
    return this.core.book.decide(tenantStream(tenantId), call, (events) => {
      assertTenant(events, tenantId);
      return { events: [{ type: 'TenantGracePeriodSet', data: call.fields }] };
    });
  }
}

const taxesOf = (events: readonly RecordedEvent[]): TaxRate[] =>
  events.flatMap((event) => (event.type === 'TenantTaxSet' ? [event.data] : []));

export function assertTenant(events: readonly RecordedEvent[], tenantId: string): void {
  if (events.length === 0) throw notFound('unknown_tenant', `tenant ${tenantId} is not registered`);
}
