import type { LineDefinition } from '#domain/lines/line';
import { decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zCurrency } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { contains, type Period } from '#domain/time/period';
import { allLines, couponsOfLines } from '#billing/invoices/billing';
import { marginIn } from '#billing/costs/margin-month';
import { zMonth } from '#ledger/month';
import { ADMIN, defineQuery, type QueryContext, zAsOf, zAt } from '#ledger/query';
import { netText, printRated, rateLines } from '#billing/invoices/rated-lines';

const marginQuery = defineQuery({
  name: 'margin',
  summary: 'Revenue against cost of a month, overall, by tenant, deployment and kind; one currency, never added across',
  params: zAsOf.extend({ period: zMonth, currency: zCurrency.default('USD') }),
  roles: ADMIN,
  async answer({ period, currency }, context) {
    const month = period.start.slice(0, 7);
    const margin = await marginIn(context, period, currency);
    return {
      period: month,
      currency,
      ...margin,
      otherCurrencies: await otherCurrencies(context, period, month, currency),
    };
  },
});

async function otherCurrencies(
  { core, position }: QueryContext,
  period: Period,
  month: string,
  currency: string,
): Promise<string[]> {
  const { rows } = await core.pool.query<{ currency: string }>(
    `SELECT DISTINCT currency FROM (
       SELECT currency FROM revenue WHERE month = $1 AND position_from <= $4
       UNION SELECT currency FROM cost_lines WHERE charge_period_start < $3 AND charge_period_end > $2 AND position_from <= $4 AND (position_to IS NULL OR position_to > $4)
     ) c WHERE currency <> $5 ORDER BY currency`,
    [month, period.start, period.end, position, currency],
  );
  return rows.map((row) => row.currency);
}

const accrualQuery = defineQuery({
  name: 'accrual',
  summary: 'What the open period of each active subscription comes to so far, by the engine of the invoice; not billed',
  params: zAsOf.extend({ ...zAt, currency: zCurrency.default('USD') }),
  roles: ADMIN,
  async answer({ at: asked, currency }, context) {
    const { core, position, caller } = context;
    const at = asked ?? caller.now;
    const lines = (await openLines(context, at)).filter((line) => line.currency === currency);
    // Of one currency: a plan in another than its tenant's is on no invoice, and says so there.
    const rated = await rateLines(
      core,
      position,
      lines,
      new Map(),
      at,
      (line) => line.currency,
      await couponsOfLines(core, position, null),
    );
    const subscriptions = [...Map.groupBy(rated, ({ line }) => line.subscriptionId)].map(([subscriptionId, group]) => {
      const shown = group.map(({ line, parts, quarantined }) => {
        const rows = printRated(
          parts.flatMap((part) => part.rows),
          currency,
        );
        return {
          lineId: line.lineId,
          billingKind: line.billingKind,
          period: line.period,
          quantity: parts[0]?.quantity ?? '0',
          rows,
          net: netText(rows, currency),
          quarantine: quarantined === null ? null : { code: quarantined.code, message: quarantined.message },
        };
      });
      const first = group[0]?.line;
      return {
        subscriptionId,
        tenantId: first?.tenantId ?? null,
        deploymentId: first?.deploymentId ?? null,
        lines: shown,
        total: netText(shown, currency),
      };
    });
    const total = moneyText(sum(subscriptions.map((each) => decimal(each.total))), currency);
    return {
      at,
      currency,
      billed: false,
      subscriptions: subscriptions.sort((a, b) => (a.subscriptionId < b.subscriptionId ? -1 : 1)),
      total,
    };
  },
});

/** The lines whose billing period holds the instant, of every subscription active then. */
const openLines = async ({ core, position }: QueryContext, at: Instant): Promise<LineDefinition[]> =>
  (await allLines(core, position, at)).filter((line) => contains(line.period, at));

export const dashboardQueries = [marginQuery, accrualQuery];
