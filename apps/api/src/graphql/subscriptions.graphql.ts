import { setTimeout as delay } from 'node:timers/promises';
import { Inject } from '@nestjs/common';
import { Args, Resolver, Subscription } from '@nestjs/graphql';
import { z } from 'zod';
import { isDomainError } from '#domain/schema';
import { EventCodec, ofType } from '#event-store/codec';
import type { EventLog } from '#event-store/port';
import { type Caller, confinedTo } from '#ledger/caller';
import { invoice, invoices, zInvoice } from '#operations/invoices';
import { Ledger } from '#operations/ledger';
import { projections, zProjection } from '#operations/projections';
import { tenants } from '#operations/tenants';
import { LedgerCore } from '#ledger/ledger-core';
import { READERS, STAFF } from '#ledger/query';
import { AllowedTo, AskedBy } from '../auth/access.js';
import { CLOCK, type Clock } from '../clock.js';
import { remembered } from './relations.js';
import { stoppable } from './stoppable.js';
import { answerType } from './types.js';

/** Interval in which the lag is checked, in milliseconds. Only changes are sent. */
const LAG_EVERY_MS = 500;
const INVOICE_STATES = [
  'InvoiceDrafted',
  'InvoiceIssued',
  'InvoicePaid',
  'InvoicePaymentWithdrawn',
  'InvoiceVoided',
] as const;
const codec = new EventCodec();

const lags = answerType(z.array(zProjection));
const itself = <Value>(value: Value): Value => value;

/** Of which invoices. null: of all. */
interface Of {
  readonly tenantId: string | null;
  readonly payerId: string | null;
}

@Resolver()
export class SubscriptionsResolver {
  private readonly log: EventLog;

  constructor(
    private readonly ledger: Ledger,
    core: LedgerCore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.log = core.log;
  }

  @Subscription(lags, {
    description: 'The position and lag of each projection, now and on every change',
    resolve: itself,
  })
  @AllowedTo(...STAFF)
  projectionLag(@AskedBy() caller: Caller): AsyncIterator<unknown> {
    return stoppable((signal) => this.lags(caller, signal));
  }

  private async *lags(caller: Caller, signal: AbortSignal): AsyncGenerator {
    for (let sent = ''; !signal.aborted;) {
      const { items } = await this.ledger.ask(projections, {}, this.asOfNow(caller));
      const now = JSON.stringify(items);
      if (now !== sent) yield items;
      sent = now;
      await delay(LAG_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  @Subscription(answerType(zInvoice), {
    description: 'Each invoice that is drafted, issued, paid or voided from now on, as of its event',
    resolve: itself,
  })
  @AllowedTo(...READERS)
  async invoiceState(
    @Args('tenantId', { type: () => String, nullable: true }) tenantId: string | null | undefined,
    @Args('payerId', {
      type: () => String,
      nullable: true,
      description: 'Only invoices that are addressed to this tenant as the payer of others, since their issue',
    })
    payerId: string | null | undefined,
    @AskedBy() caller: Caller,
  ): Promise<AsyncIterator<unknown>> {
    const of = { tenantId: tenantId ?? null, payerId: payerId ?? null };
    // As in the query `invoices`, the payer is who must be visible to a tenant, not the billed tenants.
    const named = of.payerId !== null && confinedTo(caller) !== null ? [of.payerId] : [of.tenantId, of.payerId];
    // An unknown tenant is an error: without one, the subscription would never send anything.
    for (const id of named) if (id !== null) await this.ledger.ask(tenants, { tenantId: id }, this.asOfNow(caller));
    return stoppable((signal) => this.states(of, caller, signal));
  }

  private async *states({ tenantId, payerId }: Of, caller: Caller, signal: AbortSignal): AsyncGenerator {
    const own = payerId === null ? confinedTo(caller) : null;
    for await (const stored of this.log.subscribe(await this.log.head(), {
      signal,
      filter: { types: INVOICE_STATES },
    })) {
      const { data: of, position } = ofType(codec.decode(stored), ...INVOICE_STATES);
      if ((own !== null && of.tenantId !== own) || (tenantId !== null && of.tenantId !== tenantId)) continue;
      await this.ledger.catchUp(position);
      try {
        yield* await this.statesAt(position, { invoiceId: of.invoiceId, payerId }, this.asOfNow(caller));
      } catch (error) {
        // A draft that was never completed is not an invoice.
        if (!isDomainError(error) || error.kind !== 'not_found') throw error;
      }
    }
  }

  /** One, or none if the invoice is not addressed to the payer. */
  private async statesAt(
    position: number,
    { invoiceId, payerId }: { readonly invoiceId: string; readonly payerId: string | null },
    caller: Caller,
  ): Promise<readonly unknown[]> {
    const asOf = String(position);
    if (payerId === null) return [remembered(await this.ledger.answer(invoice, { id: invoiceId, asOf }, caller))];
    const found = await this.ledger.answer(invoices, { payerId, invoiceIds: [invoiceId], asOf }, caller);
    remembered(found);
    return found.answer.items;
  }

  private asOfNow(caller: Caller): Caller {
    return { ...caller, now: this.clock.now() };
  }
}
