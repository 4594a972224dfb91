import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import type { LedgerEvent } from '#domain/events';
import {
  billingStream,
  type ClaimedPart,
  foldInvoices,
  invoiceFor,
  type InvoiceState,
  assertIssuable,
  type Selection,
} from '#domain/invoices/invoice';
import { billingAsOf, billingOfClaim, type BillingFacts, type RatedInvoice } from '#domain/invoices/rate-invoice';
import { type Account, foldAccount } from '#domain/invoices/settlement';
import { notFound } from '#domain/errors';
import { payerFor } from '#domain/tenants/payer';
import { isDomainError } from '#domain/schema';
import { lineStream } from '#domain/lines/line';
import { cutsOfClaim } from '#domain/lines/parts';
import type { Instant } from '#domain/time/instant';
import { packed } from '#domain/usage/usage';
import { isUuid } from '#domain/uuid';
import { NO_STREAM, WrongExpectedRevision } from '#event-store/port';
import type { TenantAccount } from './accounts.js';
import { billingFacts } from './billing-facts.js';
import { issuedEvents, quarantinedIn, treeAt, voided } from './issued-events.js';
import { isBillingEvent, isInvoiceEvent, type RecordedInvoiceEvent } from './invoice-events.js';
import { assertMeteredIn } from './metered-currencies.js';
import { isNothing, leftOut } from './rated-invoice.js';
import { type ReadTogether, readTogether } from './read-together.js';
import { assertMetered } from '../metering/not-metered.js';
import { type CommandCall, type CommandDone, sha256, stepOf } from '#ledger/command';
import { answerIfKnown, type AppendCause, type Decision } from '#ledger/appending/event-book';
import type { LedgerCore } from '#ledger/ledger-core';

const zCreated = z.object({
  invoices: z.array(z.object({ invoiceId: z.string(), currency: z.string() })).default([]),
  quarantined: z.array(z.object({ lineId: z.string(), code: z.string(), message: z.string() })).default([]),
});
type DraftedInvoice = z.infer<typeof zCreated>['invoices'][number];

/** What a draft claims, and the answer of its command. */
interface Claim {
  readonly invoiceId: string;
  readonly asOf: Instant;
  readonly selection: Selection | null;
  readonly claimed: readonly ClaimedPart[];
  readonly result: object;
}

export interface InvoiceToCreate {
  readonly tenantId: string;
  readonly asOf: Instant;
  readonly selection: Selection | null;
  /** `bill`: also bills days that are not metered, as if there was nothing on them. */
  readonly unmetered?: 'bill' | undefined;
}

/**
 * Invoicing is a process over several streams, and each step can be repeated: (1) the draft claims parts, at the exact
 * revision of the tenant's billing stream; (2) the stream of each line records the cut; (3) issuing freezes the rows.
 * A process may stop between any two steps. The next run for the tenant finishes what is half done.
 */
export class Invoicing {
  private readonly read: ReadTogether;

  constructor(private readonly core: LedgerCore) {
    this.read = readTogether(core);
  }

  /**
   * Creates the drafts of what is due as of an instant, one for each currency. Where it exists, or nothing is due, the
   * answer is the same and `unchanged`. Errors: `not_metered`, unless days that are not metered are to be billed too.
   */
  async create(call: CommandCall, wanted: InvoiceToCreate): Promise<CommandDone> {
    const own = await this.read.account({ position: await this.core.projector.catchUp(), tenantId: wanted.tenantId });
    const others = own.currencies.filter((currency) => currency !== own.currency);
    if (wanted.unmetered !== 'bill' && others.length > 0) await assertMeteredIn(this.core, own.currencies, wanted);
    let before: CommandDone | null = null;
    // The tenant's own currency comes last: its append records the key of the command, with the whole answer.
    for (const currency of others) before = await this.createIn({ ...own, currency }, stepOf(call), wanted, before);
    return this.createIn(own, call, wanted, before);
  }

  /** `before`: what was created in other currencies. The answer names it too. */
  private async createIn(
    known: TenantAccount,
    call: CommandCall,
    { tenantId, asOf, selection, unmetered }: InvoiceToCreate,
    before: CommandDone | null,
  ): Promise<CommandDone> {
    const withBefore = (invoices: readonly DraftedInvoice[], { quarantined }: Pick<RatedInvoice, 'quarantined'>) => {
      const created = zCreated.parse(before?.result ?? {});
      const all = [...created.quarantined, ...quarantined];
      return { invoices: [...invoices, ...created.invoices], ...(all.length === 0 ? {} : { quarantined: all }) };
    };
    const ended = (done: CommandDone): CommandDone =>
      done.status === 'unchanged' && before?.status === 'done' ? { ...before, ...done, status: 'done' } : done;
    const { currency } = known;
    for (let account = known; ;) {
      const stream = billingStream(tenantId, currency);
      const { events, revision } = await this.core.book.loadAt(stream);
      const invoices = foldInvoices(events.filter(isInvoiceEvent));
      // Read after the stream, so that the position covers all of it.
      const position = await this.core.projector.catchUp();
      try {
        const at = (await this.finishClaims(call, account, invoices, position))
          ? await this.core.projector.catchUp()
          : position;
        const { live, nextId } = invoiceFor(invoices, { tenantId, currency, asOf, selection });
        if (live !== undefined)
          return ended(
            await this.core.book.append(stream, revision, call, {
              events: [],
              result: withBefore([{ invoiceId: live.invoiceId, currency }], { quarantined: [] }),
            }),
          );
        const { invoice, facts } = await this.read.rated({
          position: at,
          invoice: {
            invoiceId: nextId,
            account,
            until: asOf,
            selection,
            select: (each) => billingAsOf(each, asOf),
          },
        });
        if (unmetered !== 'bill') await assertMetered(this.core, at, facts, asOf);
        if (isNothing(invoice))
          return ended(
            await this.core.book.append(stream, revision, call, { events: [], result: withBefore([], invoice) }),
          );
        const result = withBefore([{ invoiceId: nextId, currency }], invoice);
        await this.openLines(call, facts, invoice.claimed);
        const drafted = await this.claim(call, { stream, revision }, account, {
          invoiceId: nextId,
          asOf,
          selection,
          claimed: invoice.claimed,
          result,
        });
        const cut = await this.cutLines(call, nextId, facts, invoice.claimed);
        return { status: 'done', position: Math.max(drafted.position, cut), result };
      } catch (error) {
        // Another run appended first: start again from what is recorded now.
        if (!(error instanceof WrongExpectedRevision)) throw error;
        account = await this.read.account({ position: await this.core.projector.catchUp(), tenantId, currency });
      }
    }
  }

  /**
   * Freezes a draft. It is rated at a position that covers the last event of its stream, and appended at that
   * revision. After a conflict it is rated again. A draft that comes to nothing by now is voided instead.
   */
  async issue(call: CommandCall, invoiceId: string, issuedAt: Instant): Promise<CommandDone> {
    const of = await this.invoiceRow(invoiceId);
    const stream = billingStream(of.tenantId, of.currency);
    try {
      return await this.issueOnce(call, { ...of, invoiceId, stream }, issuedAt);
    } catch (error) {
      if (!isDomainError(error) || error.code !== 'conflicting_body') throw error;
      // It was issued at another instant. If it was voided or paid since, that is the reason why it can't be issued.
      const state = foldInvoices((await this.core.book.load(stream)).filter(isInvoiceEvent)).get(invoiceId);
      if (state?.status !== 'issued') assertIssuable(state, invoiceId);
      throw error;
    }
  }

  private async issueOnce(
    call: CommandCall,
    of: { readonly tenantId: string; readonly currency: string; readonly invoiceId: string; readonly stream: string },
    issuedAt: Instant,
  ): Promise<CommandDone> {
    const { tenantId, currency, invoiceId, stream } = of;
    return this.core.book.decideOnReadModels(stream, call, async () => {
      const events = await this.core.book.load(stream);
      const invoices = foldInvoices(events.filter(isInvoiceEvent));
      // Another run carried out this command: the append is refused, and the command is known then.
      if (
        answerIfKnown(
          call,
          events.map(({ metadata }) => metadata.command),
        ) !== undefined
      )
        return { events: [], result: { invoiceId } };
      const state = invoices.get(invoiceId);
      assertIssuable(state, invoiceId);
      const known = await this.core.projector.catchUp();
      const account = await this.read.account({ position: known, tenantId, currency });
      const position = (await this.finishClaims(call, account, invoices, known))
        ? await this.core.projector.catchUp()
        : known;
      const claimed = await this.read.claimedParts({ position, invoiceId });
      const asOf = state?.asOf ?? issuedAt;
      const { invoice: claim, facts } = await this.read.rated({
        position,
        lines: claimed.length,
        invoice: {
          invoiceId,
          account,
          until: asOf,
          selection: state?.selection ?? null,
          select: (all) => billingOfClaim(all, { invoiceId, asOf, claimed }),
        },
      });
      const invoice = {
        ...claim,
        quarantined: [...claim.quarantined, ...(await leftOut(this.core, position, facts, { asOf, claimed }))],
      };
      if (isNothing(invoice)) {
        const reason =
          invoice.quarantined.length === 0
            ? 'nothing is due of it any more'
            : "nothing of it can be billed now: its lines can't be rated";
        return {
          events: [voided(invoiceId, account, issuedAt, reason)],
          result: { invoiceId, status: 'void', reason, ...quarantinedIn(invoice) },
        };
      }
      const payerId = payerFor(account.payers, asOf, invoice.rows);
      const payer = payerId === null ? null : await this.read.account({ position: known, tenantId: payerId });
      const tree = await treeAt(this.core, position);
      const seller = await this.core.keptSeller.ref();
      return {
        events: issuedEvents(invoice, { invoiceId, account, payer, issuedAt, computedAt: position, seller, tree }),
        result: { invoiceId, ...quarantinedIn(invoice) },
      };
    });
  }

  private async invoiceRow(invoiceId: string): Promise<{ tenantId: string; currency: string }> {
    const position = await this.core.projector.catchUp();
    const row = isUuid(invoiceId) ? await this.read.invoice({ position, invoiceId }) : undefined;
    if (row === undefined) throw notFound('unknown_invoice', `there is no invoice ${invoiceId}`);
    return { tenantId: row.tenant_id, currency: row.currency };
  }

  /** Decides on one invoice in its billing stream: void, pay or credit it. */
  async onInvoice(
    call: CommandCall,
    invoiceId: string,
    decision: (found: {
      state: InvoiceState | undefined;
      invoice: { tenantId: string; currency: string };
      account: Account;
      events: readonly RecordedInvoiceEvent[];
    }) => Promise<Decision>,
  ): Promise<CommandDone> {
    const invoice = await this.invoiceRow(invoiceId);
    return this.core.book.decide(billingStream(invoice.tenantId, invoice.currency), call, async (events) => {
      const own = events.filter(isInvoiceEvent);
      const account = foldAccount(events.filter(isBillingEvent));
      const found = { state: foldInvoices(own).get(invoiceId), invoice, account, events: own };
      return { result: { invoiceId }, ...(await decision(found)) };
    });
  }

  private async claim(
    call: CommandCall,
    at: { readonly stream: string; readonly revision: number },
    { tenantId, currency }: TenantAccount,
    { invoiceId, asOf, selection, claimed, result }: Claim,
  ): Promise<{ position: number }> {
    const attempt = randomUUID();
    const chunks = packed(claimed);
    const parts = chunks.map((each, n): LedgerEvent => ({
      type: 'InvoicePartsClaimed',
      data: { invoiceId, attempt, n, parts: each },
    }));
    const drafted: LedgerEvent = {
      type: 'InvoiceDrafted',
      data: {
        invoiceId,
        tenantId,
        currency,
        asOf,
        attempt,
        chunks: chunks.length,
        partsHash: sha256(canonicalJson(claimed)),
        ...(selection === null ? {} : { selection }),
      },
    };
    return this.core.book.appendAll(at.stream, at.revision, call, [...parts, drafted], result);
  }

  /** An event opens each line, because read models have no clock. A line that is open already stays as it is. */
  private async openLines(
    call: CommandCall,
    { lines, recorded }: BillingFacts,
    claimed: readonly ClaimedPart[],
  ): Promise<void> {
    const ids = new Set(claimed.map(({ lineId }) => lineId));
    await pMap(
      lines.filter(({ lineId }) => ids.has(lineId) && !recorded.has(lineId)),
      async (line) => {
        const { lineId, tenantId, subscriptionId, deploymentId, billingKind, itemKey, currency, period } = line;
        const opened: LedgerEvent = {
          type: 'LineOpened',
          data: { lineId, tenantId, subscriptionId, deploymentId, billingKind, itemKey, currency, period },
        };
        await this.appendOnce(call, lineStream(lineId), NO_STREAM, opened);
      },
      APPENDS_AT_ONCE,
    );
  }

  /**
   * Records the cuts that claimed parts make, each in the stream of its line, at the revision that follows from the
   * number of parts. Returns the position of the last one; 0: there was none.
   */
  private async cutLines(
    call: CommandCall,
    invoiceId: string,
    { lines, recorded }: BillingFacts,
    claimed: readonly ClaimedPart[],
  ): Promise<number> {
    const lineOf = new Map(lines.map((line) => [line.lineId, line]));
    const positions = await pMap(
      Map.groupBy(claimed, ({ lineId }) => lineId),
      async ([lineId, ofLine]) => {
        const line = lineOf.get(lineId);
        if (line === undefined) return 0;
        const parts = recorded.get(lineId) ?? [];
        // The stream holds the opening, then one cut for each part but the first.
        let revision = Math.max(parts.length - 1, 0);
        let position = 0;
        for (const cut of cutsOfClaim(line, parts, ofLine)) {
          const { end } = line.period;
          const split: LedgerEvent = { type: 'LineSplit', data: { ...cut, invoiceId, lineEnd: end } };
          position = await this.appendOnce(call, lineStream(lineId), revision, split);
          revision += 1;
        }
        return position;
      },
      APPENDS_AT_ONCE,
    );
    return positions.reduce((last, each) => Math.max(last, each), 0);
  }

  /** One step of the process, and its position. Where another run has done it, nothing is left to do. */
  private async appendOnce(call: CommandCall, stream: string, revision: number, event: LedgerEvent): Promise<number> {
    const step: AppendCause = { ...call, key: null, idempotencyKey: null };
    try {
      return (await this.core.book.appendAt(stream, revision, step, [event])).position;
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision)) throw error;
      const now = await this.core.book.load(stream);
      const done = now.find(
        (each) => each.type === event.type && canonicalJson(each.data) === canonicalJson(event.data),
      );
      if (done === undefined) throw error;
      return done.position;
    }
  }

  /** Cuts the lines of claims whose process stopped before doing so. Returns whether there were any. */
  private async finishClaims(
    call: CommandCall,
    account: TenantAccount,
    invoices: ReadonlyMap<string, InvoiceState>,
    position: number,
  ): Promise<boolean> {
    const unfinished = await this.read.uncutClaims({ position, ...account });
    for (const [invoiceId, claimed] of unfinished) {
      const draft = invoices.get(invoiceId);
      if (draft?.status !== 'draft') continue;
      const facts = await billingFacts(this.core, position, account, draft.asOf);
      await this.cutLines(call, invoiceId, facts, claimed);
    }
    return unfinished.size > 0;
  }
}

/** This many appends at a time. The batcher of the log makes one transaction of them. */
const APPENDS_AT_ONCE = { concurrency: 32 };
