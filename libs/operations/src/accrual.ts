import { z } from 'zod';
import type { LineDefinition } from '#domain/lines/line';
import { decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zCurrency } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { contains } from '#domain/time/period';
import { couponsOfLines } from '#billing/invoices/billing-facts';
import { allLines } from '#billing/invoices/contracts';
import { ADMIN, defineQuery, type QueryContext, zAsOf, zAt } from '#ledger/query';
import { netText, printRated, rateLines } from '#billing/invoices/rated-lines';
import { zMoney, zQuantity, zQuarantine, zRow, zSpan, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { MID_APRIL } from './story.js';

const zAccruedLine = z
  .object({
    lineId: z.string(),
    billingKind: z.string(),
    period: zSpan,
    quantity: zQuantity,
    rows: z.array(zRow),
    net: zMoney,
    quarantine: zQuarantine.nullable(),
  })
  .meta({ id: 'AccruedLine' });

const zAccruedSubscription = z
  .object({
    subscriptionId: z.string(),
    tenantId: z.string(),
    deploymentId: z.string(),
    lines: z.array(zAccruedLine),
    total: zMoney,
  })
  .meta({ id: 'AccruedSubscription' });

const zAccrual = z
  .object({
    at: zTimestamp,
    currency: z.string(),
    billed: z.literal(false),
    subscriptions: z.array(zAccruedSubscription),
    total: zMoney,
  })
  .meta({ id: 'Accrual' });

export const accrual = defineQuery({
  name: 'accrual',
  summary: 'The amount of the open period of each active subscription so far, computed like an invoice; not billed',
  path: 'dashboard/accrual',
  params: zAsOf.extend({ ...zAt, currency: zCurrency.default('USD') }),
  roles: ADMIN,
  answer: zAccrual,
  example: { at: MID_APRIL },
  async handle({ at: asked, currency }, context) {
    const { core, position, caller } = context;
    const at = asked ?? caller.now;
    const lines = (await openLines(context, at)).filter((line) => line.currency === currency);
    // All lines are in one currency: a plan in a currency other than its tenant's is quarantined when it is invoiced.
    const couponsOf = await couponsOfLines(core, position, null);
    const rated = await rateLines(
      core,
      position,
      lines.map((line) => ({ line, recorded: [], at, currency: line.currency, coupons: couponsOf(line) })),
    );
    const subscriptions = [...Map.groupBy(rated, ({ line }) => line.subscriptionId)].flatMap(
      ([subscriptionId, group]) => {
        const [first] = group;
        if (first === undefined) return [];
        const { tenantId, deploymentId } = first.line;
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
        return [{ subscriptionId, tenantId, deploymentId, lines: shown, total: netText(shown, currency) }];
      },
    );
    const total = moneyText(sum(subscriptions.map((each) => decimal(each.total))), currency);
    return {
      at,
      currency,
      billed: false as const,
      subscriptions: subscriptions.sort((a, b) => (a.subscriptionId < b.subscriptionId ? -1 : 1)),
      total,
    };
  },
});

/** The lines of all active subscriptions whose billing period contains the instant. */
const openLines = async ({ core, position }: QueryContext, at: Instant): Promise<LineDefinition[]> =>
  (await allLines(core, position, at)).filter((line) => contains(line.period, at));

export const accrualOperations: Operations = {
  queries: [accrual],
};
