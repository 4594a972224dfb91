import { setTimeout as delay } from 'node:timers/promises';
import { Inject } from '@nestjs/common';
import { Args, Resolver, Subscription } from '@nestjs/graphql';
import { z } from 'zod';
import { isDomainError } from '#domain/schema';
import { EventCodec, ofType } from '#event-store/codec';
import type { EventLog } from '#event-store/port';
import { type Caller, confinedTo } from '#ledger/caller';
import { invoice, zInvoice } from '#operations/invoices';
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
    @AskedBy() caller: Caller,
  ): Promise<AsyncIterator<unknown>> {
    // An unknown tenant is an error: without one, the subscription would never send anything.
    if (typeof tenantId === 'string') await this.ledger.ask(tenants, { tenantId }, this.asOfNow(caller));
    return stoppable((signal) => this.states(tenantId ?? null, caller, signal));
  }

  private async *states(tenantId: string | null, caller: Caller, signal: AbortSignal): AsyncGenerator {
    const own = confinedTo(caller);
    for await (const stored of this.log.subscribe(await this.log.head(), {
      signal,
      filter: { types: INVOICE_STATES },
    })) {
      const { data: of, position } = ofType(codec.decode(stored), ...INVOICE_STATES);
      if ((own !== null && of.tenantId !== own) || (tenantId !== null && of.tenantId !== tenantId)) continue;
      await this.ledger.catchUp(position);
      try {
        yield remembered(
          await this.ledger.answer(invoice, { id: of.invoiceId, asOf: String(position) }, this.asOfNow(caller)),
        );
      } catch (error) {
        // A draft that was never completed is not an invoice.
        if (!isDomainError(error) || error.kind !== 'not_found') throw error;
      }
    }
  }

  private asOfNow(caller: Caller): Caller {
    return { ...caller, now: this.clock.now() };
  }
}
