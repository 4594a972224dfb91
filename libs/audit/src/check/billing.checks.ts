import type { FrozenRow } from '#domain/invoices/invoice';
import { billingAsOf, rateInvoice, usageNeeded } from '#domain/invoices/rate-invoice';
import { decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { FROM_EVER } from '#domain/time/instant';
import { tenantAccount } from '#billing/invoices/accounts';
import { billingFacts } from '#billing/invoices/billing-facts';
import { allLines } from '#billing/invoices/contracts';
import { loadUsage } from '#billing/invoices/line-usage';
import type { QueryContext } from '#ledger/query';
import { rateLines } from '#billing/invoices/rated-lines';
import { canonicalInvoice, reissued } from '#billing/invoices/reissue';
import {
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
  for (const account of await readInvoicedAccounts(context.core.db, context.position))
    findings.push(...(await unmarked(context, account)));
  return findings;
};

async function unmarked(
  { core, position }: QueryContext,
  { tenant_id: tenantId, currency, until }: InvoicedAccount,
): Promise<Finding[]> {
  const account = await tenantAccount(core, position, tenantId, currency);
  const facts = await billingFacts(core, position, account, until);
  const billed = [...facts.recorded]
    .filter(([, parts]) => parts.some(({ issued }) => issued))
    .map(([lineId]) => lineId);
  const all = new Set([...facts.booked.keys(), ...billed].filter((lineId) => !facts.marks.has(lineId)));
  const asMarked = {
    ...facts,
    creditsLeft: [],
    marks: new Map([...all].map((lineId) => [lineId, 'check'])),
  };
  // At the earliest instant nothing is due: the marked lines remain, and are compared with their bookings.
  const billing = billingAsOf(asMarked, FROM_EVER).filter(({ lineId }) => all.has(lineId));
  const usage = await loadUsage(core, position, usageNeeded(billing));
  const { rows } = rateInvoice('check', asMarked, billing, usage);
  return [...Map.groupBy(rows, ({ lineId }) => lineId)].map(([lineId, group]) =>
    missingMark(tenantId, currency, lineId, group),
  );
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
  const findings: Finding[] = [];
  for (const invoice of await readComputedInvoices(core.db, position)) {
    if ((await reissued(core, invoice)) === canonicalInvoice(invoice.invoice_id, invoice.rows)) continue;
    const { invoice_id: invoiceId, tenant_id: tenantId, computed_at: computedAt } = invoice;
    const message = `invoice ${invoiceId} differs when it is computed again from position ${computedAt}`;
    findings.push({
      code: 'invoice_not_reproduced',
      message,
      ids: { invoiceId, tenantId, computedAt },
      remedy: `${REBUILD} If it still differs, the rating engine has changed: run ledgerline explain ${invoiceId}.`,
    });
  }
  return findings;
};

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
