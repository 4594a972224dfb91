import type { FrozenRow } from '#domain/invoices/invoice';
import {
  billingAsOf,
  type BillingFacts,
  type LineBilling,
  rateInvoice,
  usageNeeded,
} from '#domain/invoices/rate-invoice';
import { decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { FROM_EVER } from '#domain/time/instant';
import pMap from 'p-map';
import { accountsOf } from '#billing/invoices/accounts';
import { billingFactsOf } from '#billing/invoices/billing-facts';
import { allLines } from '#billing/invoices/contracts';
import { loadUsage } from '#billing/invoices/line-usage';
import type { LedgerCore } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';
import { rateLines } from '#billing/invoices/rated-lines';
import { canonicalInvoice, reissued } from '#billing/invoices/reissue';
import {
  type ComputedInvoice,
  type InvoicedAccount,
  readComputedInvoices,
  readInvoicedAccounts,
} from '#projections/invoices/issued-invoices.read';
import { type Check, type Finding, REBUILD } from './finding.js';

/** What is billed, computed again by the rating engine. */

/**
 * Observed = billed + corrected + listed as unbilled. Billed lines are rated again: a line that comes to another amount
 * must have a mark, or its difference is lost.
 */
const marks: Check = async (context) => {
  const findings: Finding[] = [];
  const accounts = await readInvoicedAccounts(context.core.db, context.position);
  for (let first = 0; first < accounts.length; first += AT_ONCE)
    findings.push(...(await unmarked(context, accounts.slice(first, first + AT_ONCE))));
  return findings;
};

/** Accounts, or invoices, that are rated together: their reads share statements, and memory stays bounded. */
const AT_ONCE = 64;

async function unmarked({ core, position }: QueryContext, invoiced: readonly InvoicedAccount[]): Promise<Finding[]> {
  const accountOf = await accountsOf(
    core,
    invoiced.map(({ tenant_id: tenantId, currency }) => ({ tenantId, currency, position })),
  );
  const wanted = invoiced.map(({ tenant_id: tenantId, currency, until }) => ({
    account: accountOf({ tenantId, currency, position }),
    until,
  }));
  const all = (await billingFactsOf(core, position, wanted)).map((facts, index) => ({
    ...withoutMarks(facts),
    account: wanted[index]?.account,
  }));
  const usage = await loadUsage(
    core,
    position,
    all.flatMap(({ billing }) => usageNeeded(billing)),
  );
  return all.flatMap(({ facts, billing, account }) => {
    if (account === undefined) throw new Error('billing facts without an account');
    const { tenantId, currency } = account;
    const { rows } = rateInvoice('check', facts, billing, usage);
    return [...Map.groupBy(rows, ({ lineId }) => lineId)].map(([lineId, group]) =>
      missingMark(tenantId, currency, lineId, group),
    );
  });
}

/** The billed lines that have no mark, as if they had one: they are compared with their bookings. */
function withoutMarks(facts: BillingFacts): { readonly facts: BillingFacts; readonly billing: readonly LineBilling[] } {
  const billed = [...facts.recorded]
    .filter(([, parts]) => parts.some(({ issued }) => issued))
    .map(([lineId]) => lineId);
  const all = new Set([...facts.booked.keys(), ...billed].filter((lineId) => !facts.marks.has(lineId)));
  const asMarked = { ...facts, creditsLeft: [], marks: new Map([...all].map((lineId) => [lineId, 'check'])) };
  // At the earliest instant nothing is due: only the marked lines remain.
  return { facts: asMarked, billing: billingAsOf(asMarked, FROM_EVER).filter(({ lineId }) => all.has(lineId)) };
}

function missingMark(tenantId: string, currency: string, lineId: string, rows: readonly FrozenRow[]): Finding {
  const [first] = rows;
  const difference = moneyText(sum(rows.map(({ net }) => decimal(net))), currency);
  return {
    code: 'missing_mark',
    message:
      `line ${lineId} of ${tenantId} comes to ${difference} ${currency} more than was billed, and has no mark:` +
      ' no invoice will correct it',
    ids: {
      tenantId,
      lineId,
      deploymentId: first?.deploymentId,
      billingKind: first?.billingKind,
      parts: [...new Set(rows.map(({ partId }) => partId))],
      difference,
      currency,
    },
    remedy:
      'Rebuild the read models: marks are made from the log. If the mark is still missing, report the line’s id:' +
      ' a rule of restatements is wrong.',
  };
}

/** Every issued invoice is the same when it is computed again from what was known then. */
const reissues: Check = async ({ core, position }) => {
  const invoices = await readComputedInvoices(core.db, position);
  const findings = await pMap(invoices, async (invoice) => notReproduced(core, invoice), { concurrency: AT_ONCE });
  return findings.flat();
};

async function notReproduced(core: LedgerCore, invoice: ComputedInvoice): Promise<Finding[]> {
  if ((await reissued(core, invoice)) === canonicalInvoice(invoice.invoice_id, invoice.rows)) return [];
  const { invoice_id: invoiceId, tenant_id: tenantId, computed_at: computedAt } = invoice;
  return [
    {
      code: 'invoice_not_reproduced',
      message: `invoice ${invoiceId} differs when it is computed again from position ${computedAt}`,
      ids: { invoiceId, tenantId, computedAt },
      remedy: `${REBUILD} If it still differs, the rating engine has changed: run ledgerline explain ${invoiceId}.`,
    },
  ];
}

/** A missing price is never 0: the line is not billed until it has a price. */
const prices: Check = async ({ core, position, caller }) => {
  const lines = await allLines(core, position, caller.now);
  const rated = await rateLines(
    core,
    position,
    lines.map((line) => ({ line, recorded: [], at: caller.now, currency: line.currency, coupons: [], taxes: [] })),
  );
  return rated.flatMap(({ line, quarantined }): Finding[] => {
    if (quarantined === null) return [];
    const { lineId, tenantId, deploymentId, billingKind, period } = line;
    const remedy =
      quarantined.code === 'missing_rate'
        ? 'Set the price with set-rate, or correct the rate key of the usage. Then the line is billed.'
        : 'Correct what the reason names. Then the line is billed.';
    return [
      {
        code: 'usage_without_price',
        message: `line ${lineId} of ${tenantId} can't be rated: ${quarantined.message}`,
        ids: { lineId, tenantId, deploymentId, billingKind, period, reason: quarantined.code },
        remedy,
      },
    ];
  });
};

export const BILLING: readonly Check[] = [marks, reissues, prices];
