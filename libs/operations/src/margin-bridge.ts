import { z } from 'zod';
import { eventsOf, reference } from '#audit/explain/evidence';
import { BRIDGE_PARTS, type BridgeOf, type BridgePart, type BridgeStep, COST_PARTS } from '#domain/margin/bridge';
import { exactMoney } from '#domain/margin/margin';
import { invalid } from '#domain/errors';
import { type Decimal, sum, text, ZERO } from '#domain/money/decimal';
import { zCurrency } from '#domain/schema';
import type { Period } from '#domain/time/period';
import { bridgeBetween, type BridgeEnd } from '#billing/bridge/margin-bridge';
import { zMonth } from '#ledger/month';
import {
  ADMIN,
  defineQuery,
  knownPosition,
  type QueryContext,
  visibleTenant,
  zAsOf,
  zMoment,
  zOptionalId,
  zWhole,
} from '#ledger/query';
import { zMoney, zPosition, zQuantity, zReference } from './answers.js';
import type { Operations } from './declared.js';

const figures = {
  from: zMoney.describe('The margin of the first month or moment'),
  to: zMoney.describe('The margin of the second one'),
  difference: zMoney.describe(
    'to − from = price + volume + mix + newBusiness + lostBusiness + fees + corrections + cost + moves',
  ),
  price: zMoney.describe('Of average prices that changed'),
  volume: zMoney.describe('Of billed quantities that changed, at the old average price of the kind'),
  mix: zMoney.describe('Of quantities that moved between tenants with other prices than the average'),
  newBusiness: zMoney.describe('Of kinds that a tenant was not billed before'),
  lostBusiness: zMoney.describe('Of kinds that a tenant is no longer billed'),
  fees: zMoney.describe('Of what has no quantity: base fees, minimum commitments'),
  corrections: zMoney.describe('Of rows that correct earlier invoices, and of credit notes'),
  cost: zMoney.describe('newResources + goneResources + sameResources + costWithoutResource + sharedCost'),
  newResources: zMoney,
  goneResources: zMoney,
  sameResources: zMoney.describe('Of resources that were charged before, too'),
  costWithoutResource: zMoney,
  sharedCost: zMoney.describe('Of what policies share'),
  moves: zMoney.describe('Of deployments that other tenants hold. Overall it is 0'),
};

const zFigures = z.object(figures).meta({ id: 'BridgeFigures' });

const zEnd = z
  .object({ period: z.string().describe('The month: 2026-04'), position: zPosition })
  .meta({ id: 'BridgeEnd' });

const zSide = z
  .object({ amount: zMoney.describe('Of cost: the cost'), quantity: zQuantity.nullable() })
  .meta({ id: 'BridgeSide' });

const zStep = z
  .object({
    amount: zMoney.describe('What it adds to the margin'),
    tenantId: z.string().nullable(),
    deploymentId: z.string().nullable(),
    billingKind: z.string().nullable(),
    provider: z.string().nullable(),
    kind: z.string().nullable().describe('The provider’s kind, or the policy that shares the cost'),
    resourceId: z.string().nullable(),
    from: zSide.nullable(),
    to: zSide.nullable(),
  })
  .meta({ id: 'BridgeStep', description: 'What does not apply is null' });

const zPart = z
  .object({
    part: z.enum(BRIDGE_PARTS),
    amount: zMoney,
    stepCount: z.int(),
    steps: z.array(zStep).describe('The causes, the largest first'),
    eventCount: z.int(),
    events: z.array(zReference).describe('The events behind it, the latest first'),
  })
  .meta({ id: 'BridgePart' });

const zBridge = z
  .object({
    currency: z.string(),
    from: zEnd,
    to: zEnd,
    overall: zFigures,
    byTenant: z.array(
      z
        .object({
          tenantId: z.string(),
          is: z
            .enum(['new', 'gone', 'both'])
            .describe('new: it had no revenue and no cost before. gone: it has none now'),
          ...figures,
        })
        .meta({ id: 'TenantBridge' }),
    ),
    unattributed: zFigures.describe('Of cost that no tenant bears'),
    parts: z.array(zPart).describe('Of all steps, or of those asked for: the parts that have some'),
    explain: z.array(z.string()).describe('What explain shows of both ends: margin:2026-04/USD'),
  })
  .meta({ id: 'MarginBridge' });

const MOST_SHOWN = 1000;

export const marginBridge = defineQuery({
  name: 'margin-bridge',
  summary:
    'Why the margin of a month differs from that of another one, or from what was known of it before: price, volume,' +
    ' mix, fees, corrections, cost and moves, which add up to the difference',
  path: 'dashboard/margin/bridge',
  params: zAsOf.extend({
    from: zMonth.optional().describe('The first month: 2026-03. With to'),
    to: zMonth.optional().describe('The second month. With from'),
    period: zMonth.optional().describe('One month at two moments. With fromAsOf'),
    fromAsOf: zMoment
      .optional()
      .describe('The first moment: a log position or an instant of recording. The second: asOf'),
    currency: zCurrency.default('USD'),
    tenantId: zOptionalId.describe('The parts are those of this tenant'),
    part: z.enum(BRIDGE_PARTS, 'must be the name of a part, such as price').optional().describe('Only this part'),
    deploymentId: zOptionalId.describe('Only steps of this deployment: moves'),
    billingKind: zOptionalId.describe('Only steps of this billing kind'),
    provider: zOptionalId.describe('Only steps of this provider'),
    kind: zOptionalId.describe('Only steps of this kind of a provider, or of this policy'),
    resourceId: zOptionalId.describe('Only steps of this resource'),
    first: zWhole({ min: 1, max: MOST_SHOWN, message: `must be a whole number from 1 to ${MOST_SHOWN}` })
      .default(10)
      .describe('At most this many steps and events of each part'),
    skip: zWhole({ min: 0, message: 'must be a whole number from 0' })
      .default(0)
      .describe('After so many steps and events of each part. Give asOf too, so that all pages are of one moment'),
  }),
  roles: ADMIN,
  answer: zBridge,
  isExpensive: true,
  cost: 30,
  example: { from: '2026-03', to: '2026-04', currency: 'USD' },
  async handle(
    { currency, tenantId: asked, first, skip, from: fromMonth, to: toMonth, period, fromAsOf, ...of },
    context,
  ) {
    const tenantId = await visibleTenant(context, asked);
    const [from, to] = await endsOf({ from: fromMonth, to: toMonth, period, fromAsOf }, context);
    const isWanted = wantedSteps({ ...of, tenantId: tenantId ?? undefined });
    const bridge = await bridgeBetween(context, [from, to], { currency, isWanted });
    const money = (amount: Decimal): string => exactMoney(amount, currency);
    const print = (of: BridgeOf) => printFigures(of, money);
    const byPart = Map.groupBy(bridge.steps, ({ part }) => part);
    const page = <Of>(all: readonly Of[]): Of[] => all.slice(skip, skip + first);
    const shown = new Map([...bridge.positions].map(([part, all]) => [part, page(all.toReversed())]));
    const read = await eventsOf(
      context.core.log,
      Math.max(from.position, to.position),
      [...new Set([...byPart.keys()].flatMap((part) => shown.get(part) ?? []))],
      [],
    );
    const events = new Map(read.map((event) => [event.position, reference(event)]));
    return {
      currency,
      from: printEnd(from),
      to: printEnd(to),
      overall: print(bridge.overall),
      byTenant: bridge.byTenant
        .filter((each) => tenantId === null || each.tenantId === tenantId)
        .map((each) => ({ tenantId: each.tenantId, is: each.is, ...print(each) })),
      unattributed: print(bridge.unattributed),
      parts: BRIDGE_PARTS.filter((part) => byPart.has(part)).map((part) => {
        const steps = byPart.get(part) ?? [];
        return {
          part,
          amount: money(sum(steps.map(({ amount }) => amount))),
          stepCount: steps.length,
          steps: page(steps.toSorted((a, b) => b.amount.abs().cmp(a.amount.abs()))).map((step) =>
            printStep(step, money),
          ),
          eventCount: bridge.positions.get(part)?.length ?? 0,
          events: (shown.get(part) ?? []).flatMap((position) => events.get(position) ?? []),
        };
      }),
      explain: [...new Set([from, to].map(({ month }) => explained(month, currency, tenantId)))],
    };
  },
});

type Filter = 'part' | 'tenantId' | 'deploymentId' | 'billingKind' | 'provider' | 'kind' | 'resourceId';
type Wanted = { readonly [Of in Filter]?: BridgeStep[Of] | undefined };

/** Whether a step has all that is asked for. */
const wantedSteps =
  ({ part, tenantId, deploymentId, billingKind, provider, kind, resourceId }: Wanted) =>
  (step: BridgeStep): boolean =>
    (part === undefined || step.part === part) &&
    (tenantId === undefined || step.tenantId === tenantId) &&
    (deploymentId === undefined || step.deploymentId === deploymentId) &&
    (billingKind === undefined || step.billingKind === billingKind) &&
    (provider === undefined || step.provider === provider) &&
    (kind === undefined || step.kind === kind) &&
    (resourceId === undefined || step.resourceId === resourceId);

type Ends = Readonly<Record<'from' | 'to' | 'period', Period | undefined>> & { readonly fromAsOf: string | undefined };

/** Errors: `invalid_parameter`, and those of a moment. */
async function endsOf(
  { from, to, period, fromAsOf }: Partial<Ends>,
  { core, position }: QueryContext,
): Promise<[BridgeEnd, BridgeEnd]> {
  if (from !== undefined && to !== undefined && period === undefined && fromAsOf === undefined)
    return [
      { month: from, position },
      { month: to, position },
    ];
  if (period !== undefined && fromAsOf !== undefined && from === undefined && to === undefined)
    return [
      { month: period, position: await knownPosition(core, 'fromAsOf', fromAsOf) },
      { month: period, position },
    ];
  throw invalid(
    'invalid_parameter',
    'margin-bridge: give either from and to for two months, or period and fromAsOf for one month at two moments.',
    [{ field: from === undefined && to === undefined ? 'period' : 'from', message: 'must be one of the two forms' }],
  );
}

type Money = (amount: Decimal) => string;

const printEnd = ({ month, position }: BridgeEnd) => ({ period: month.start.slice(0, 7), position });

function printFigures({ from, to, difference, parts }: BridgeOf, money: Money) {
  const of = (part: BridgePart): string => money(parts.get(part) ?? ZERO);
  return {
    from: money(from),
    to: money(to),
    difference: money(difference),
    price: of('price'),
    volume: of('volume'),
    mix: of('mix'),
    newBusiness: of('new_business'),
    lostBusiness: of('lost_business'),
    fees: of('fees'),
    corrections: of('corrections'),
    cost: money(sum(COST_PARTS.map((part) => parts.get(part) ?? ZERO))),
    newResources: of('new_resources'),
    goneResources: of('gone_resources'),
    sameResources: of('same_resources'),
    costWithoutResource: of('cost_without_resource'),
    sharedCost: of('shared_cost'),
    moves: of('moves'),
  };
}

const printStep = ({ part: _, amount, from, to, ...step }: BridgeStep, money: Money) => ({
  ...step,
  amount: money(amount),
  from: printSide(from, money),
  to: printSide(to, money),
});

const printSide = (side: BridgeStep['from'], money: Money) =>
  side === null ? null : { amount: money(side.amount), quantity: side.quantity === null ? null : text(side.quantity) };

const explained = (month: Period, currency: string, tenantId: string | null): string =>
  `margin:${month.start.slice(0, 7)}/${currency}${tenantId === null ? '' : `/${encodeURIComponent(tenantId)}`}`;

export const marginBridgeOperations: Operations = {
  queries: [marginBridge],
};
