import { z } from 'zod';
import { countsUsage } from '#domain/lines/line';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zCurrency } from '#domain/schema';
import { contains } from '#domain/time/period';
import { printRated } from '#domain/rating/row';
import { add } from '#domain/rating/subtract';
import { type AccruedLine, accruedLines, accruingLines } from '#billing/invoices/accrued-lines';
import { ADMIN, defineQuery, zAsOf, zAt } from '#ledger/query';
import { zMoney, zQuantity, zQuarantine, zRow, zSpan, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { MID_APRIL } from './story.js';

const figures = {
  accrued: zMoney.describe('What it comes to so far, computed like an invoice'),
  issued: zMoney.describe('What issued invoices billed of it, with corrections, before credits'),
  unbilled: zMoney.describe('accrued − issued'),
  dueAtPeriodEnd: zMoney.describe(
    'Of accrued, what falls due only at the end of its period: it is in it from the last second of the period on',
  ),
};

const zAccruedLine = z
  .object({
    lineId: z.string(),
    billingKind: z.string(),
    period: zSpan,
    quantity: zQuantity,
    rows: z.array(zRow),
    ...figures,
    quarantine: zQuarantine.nullable().describe('Why it can not be rated. It then counts what is issued'),
  })
  .meta({ id: 'AccruedLine' });

const zTotal = zMoney.describe('As unbilled');

const zAccruedSubscription = z
  .object({
    subscriptionId: z.string(),
    tenantId: z.string(),
    deploymentId: z.string(),
    lines: z.array(zAccruedLine),
    ...figures,
    total: zTotal,
  })
  .meta({ id: 'AccruedSubscription' });

const zAccrual = z
  .object({
    at: zTimestamp,
    currency: z.string(),
    subscriptions: z.array(zAccruedSubscription),
    ...figures,
    total: zTotal,
    otherCurrencies: z.array(z.string()).describe('Other currencies with lines that are open or not billed yet'),
  })
  .meta({ id: 'Accrual' });

export const accrual = defineQuery({
  name: 'accrual',
  summary:
    'What each subscription comes to so far, what is issued of it, and what is unbilled, in one currency: its open ' +
    'period, and what ended and is not billed yet',
  path: 'dashboard/accrual',
  params: zAsOf.extend({
    ...zAt,
    currency: zCurrency.optional().describe('Default: USD, or the first currency that has lines, if USD has none'),
    withoutSubscriptions: z
      .enum(['true', 'false'])
      .optional()
      .describe('true: subscriptions is empty, and the answer takes less time. All other fields are the same'),
  }),
  roles: ADMIN,
  answer: zAccrual,
  example: { at: MID_APRIL },
  async handle({ at: asked, currency: wanted, withoutSubscriptions }, context) {
    const { core, position, caller } = context;
    const at = asked ?? caller.now;
    const lines = await accruingLines(core, position, at);
    const currencies = [...new Set(lines.map((line) => line.currency))].sort();
    const currency = wanted ?? defaultOf(currencies);
    const rated = await accruedLines(
      core,
      position,
      lines.filter((line) => line.currency === currency),
      at,
    );
    const accrued = rated.filter((each) => contains(each.line.period, at) || isUnbilled(each));
    return {
      at,
      currency,
      subscriptions: withoutSubscriptions === 'true' ? [] : ofSubscriptions(accrued, currency),
      ...totalOf(accrued, currency),
      otherCurrencies: currencies.filter((other) => other !== currency),
    };
  },
});

function ofSubscriptions(accrued: readonly AccruedLine[], currency: string) {
  const groups = Map.groupBy(accrued, ({ line }) => JSON.stringify([line.subscriptionId, line.tenantId]));
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, group]) => {
      const [first] = group;
      if (first === undefined) return [];
      const { subscriptionId, tenantId, deploymentId } = first.line;
      return [{ subscriptionId, tenantId, deploymentId, lines: group.map(printLine), ...totalOf(group, currency) }];
    });
}

/** A ledger without a USD tenant is not asked about USD. */
const defaultOf = (currencies: readonly string[]): string =>
  currencies.includes('USD') ? 'USD' : (currencies[0] ?? 'USD');

type Figures = Pick<AccruedLine, 'accrued' | 'issued' | 'dueAtPeriodEnd'>;

function printFigures(of: readonly Figures[], currency: string) {
  const shown = (figure: (each: Figures) => Decimal): string => moneyText(sum(of.map(figure)), currency);
  return {
    accrued: shown(({ accrued }) => accrued),
    issued: shown(({ issued }) => issued),
    unbilled: shown(({ accrued, issued }) => accrued.minus(issued)),
    dueAtPeriodEnd: shown((each) => each.dueAtPeriodEnd),
  };
}

function totalOf(of: readonly Figures[], currency: string) {
  const printed = printFigures(of, currency);
  return { ...printed, total: printed.unbilled };
}

/** Of all parts together. A fee is 1, however it is cut. */
const quantityOf = ({ line, parts }: AccruedLine): string =>
  countsUsage(line) ? text(sum(parts.map(({ quantity }) => decimal(quantity)))) : (parts[0]?.quantity ?? '0');

function printLine(accrued: AccruedLine) {
  const { line, parts, quarantined } = accrued;
  const rows = add(
    [],
    parts.flatMap((part) => part.rows),
  );
  return {
    lineId: line.lineId,
    billingKind: line.billingKind,
    period: line.period,
    quantity: quantityOf(accrued),
    rows: printRated(rows, line.currency),
    ...printFigures([accrued], line.currency),
    quarantine: quarantined === null ? null : { code: quarantined.code, message: quarantined.message },
  };
}

/** Of a line that ended. One that can't be rated has an unknown rest. */
const isUnbilled = ({ accrued, issued, quarantined }: AccruedLine): boolean =>
  quarantined !== null || !accrued.eq(issued);

export const accrualOperations: Operations = {
  queries: [accrual],
};
