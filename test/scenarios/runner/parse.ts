import type { Instant } from '#domain/time/instant';
import { decimal, text } from '#domain/money/decimal';
import { dayOf } from '#domain/time/period';
import type { RateKey } from '#domain/usage/usage';
import { type Block, blocksOf, ScenarioError } from './blocks.js';
import { EXPECTATIONS, invoiceStep } from './expectation-forms.js';
import { form, type Form, readBlock, readChildren, type Words } from './forms.js';
import { planTerms, PRICES } from './plan-forms.js';
import type { Command, InvoiceName, Observation, Step } from './scenario.js';

/** What later lines of a story refer to. */
interface Told {
  /** How many subscriptions each deployment has had so far. */
  readonly subscriptions: Map<string, number>;
  /** Readings as they now stand. */
  readonly readings: { deploymentId: string; observation: Observation; quantity: string }[];
}

/** Reads a story: its steps, in the order in which they are recorded. Throws a ScenarioError that names the line. */
export function parseScenario(file: string, text: string): Step[] {
  const entries = entryForms({ subscriptions: new Map(), readings: [] });
  return blocksOf(file, text).flatMap((block) => readBlock(block, entries));
}

type Entry = Form<readonly Step[]>;

const entryForms = (told: Told): readonly Entry[] => [
  ...DECLARATIONS,
  ...subscriptionForms(told),
  ...usageForms(told),
  ...RATES,
  ...INVOICES,
  ...EXPECTATIONS,
];

const REFUSED: readonly Form<string>[] = [form('refused CODE', (words) => words.of('CODE'))];
const refusedIn = (block: Block): string | null => readChildren(block, REFUSED)[0] ?? null;

/** An action: one command, or several commands. The last one may be refused. */
const action = (usage: string, read: (words: Words, block: Block) => Command | readonly [Command, Command]): Entry =>
  form(usage, (words, block) => {
    const commands: readonly Command[] = [read(words, block)].flat();
    const refused = refusedIn(block);
    return commands.map((command, index) => ({
      step: 'command',
      place: block.place,
      command,
      refused: index === commands.length - 1 ? refused : null,
    }));
  });

const until = (words: Words): { effectiveUntil?: Instant } => {
  const effectiveUntil = words.optionalInstant('UNTIL');
  return effectiveUntil === undefined ? {} : { effectiveUntil };
};

type TenantLine =
  | Pick<Extract<Command, { command: 'register-tenant' }>, 'timeZone' | 'tax'>
  | { readonly currency: string };
const TENANT: readonly Form<TenantLine>[] = [
  form('currency CURRENCY', (words) => ({ currency: words.of('CURRENCY') })),
  form('time zone ZONE', (words) => ({ timeZone: words.of('ZONE') })),
  form('tax NAME PERCENT from FROM', (words) => ({
    tax: { name: words.of('NAME'), ratePercent: words.percent('PERCENT'), from: words.instant('FROM') },
  })),
];

function tenantStep(words: Words, block: Block): Step[] {
  const lines = readChildren(block, TENANT);
  const currency = lines.find((line) => 'currency' in line);
  if (currency === undefined) throw new ScenarioError(block.place, 'a tenant needs its currency');
  const tenantId = words.of('TENANT');
  const command = lines.reduce<Command>((given, line) => ({ ...given, ...line }), {
    command: 'register-tenant',
    tenantId,
    name: tenantId,
    ...currency,
  });
  return [{ step: 'command', place: block.place, command, refused: null }];
}

function planStep(words: Words, block: Block): Step[] {
  const planId = words.of('PLAN');
  const command: Command = {
    command: 'publish-plan',
    planId,
    name: planId,
    effectiveFrom: words.instant('FROM'),
    ...planTerms(block),
  };
  return [{ step: 'command', place: block.place, command, refused: null }];
}

function correctPriceStep(words: Words, block: Block): Step[] {
  const [price] = readChildren(block, PRICES);
  if (price === undefined) throw new ScenarioError(block.place, 'the right price is indented below');
  const what = { planId: words.of('PLAN'), billingKind: words.of('KIND'), reason: words.of('REASON') };
  const command: Command = {
    command: 'correct-price',
    ...what,
    price,
    effectiveFrom: words.instant('DATE'),
    ...until(words),
  };
  return [{ step: 'command', place: block.place, command, refused: null }];
}

const DECLARATIONS: readonly Entry[] = [
  form('tenant TENANT', tenantStep),
  form('plan PLAN from FROM', planStep),
  form('DATE correct price of KIND in PLAN [until UNTIL] because REASON', correctPriceStep),
  action('DATE tax of TENANT NAME PERCENT', (words) => ({
    command: 'set-tax',
    tenantId: words.of('TENANT'),
    name: words.of('NAME'),
    ratePercent: words.percent('PERCENT'),
    from: words.instant('DATE'),
  })),
];

const subscriptionId = (deploymentId: string, ordinal: number): string =>
  ordinal === 1 ? deploymentId : `${deploymentId}-${ordinal}`;

/** A deployment's first subscription also registers it. Its subscriptions are numbered in their order. */
function subscriptionForms({ subscriptions }: Told): readonly Entry[] {
  const current = (words: Words): string => {
    const deploymentId = words.of('DEPLOYMENT');
    return subscriptionId(deploymentId, subscriptions.get(deploymentId) ?? 1);
  };
  return [
    action('DATE subscribe DEPLOYMENT of TENANT to PLAN [anchored at ANCHOR]', (words) => {
      const deploymentId = words.of('DEPLOYMENT');
      const [from, anchor] = [words.instant('DATE'), words.optionalInstant('ANCHOR')];
      const before = subscriptions.get(deploymentId) ?? 0;
      subscriptions.set(deploymentId, before + 1);
      const id = subscriptionId(deploymentId, before + 1);
      const start: Command = {
        command: 'start-subscription',
        subscriptionId: id,
        deploymentId,
        planId: words.of('PLAN'),
        from,
        ...(anchor === undefined ? {} : { anchor }),
      };
      return before > 0
        ? start
        : [
            { command: 'register-deployment', deploymentId, tenantId: words.of('TENANT'), name: deploymentId, from },
            start,
          ];
    }),
    action('DATE change DEPLOYMENT to PLAN', (words) => ({
      command: 'change-plan',
      subscriptionId: current(words),
      planId: words.of('PLAN'),
      at: words.instant('DATE'),
    })),
    action('DATE cancel DEPLOYMENT', (words) => ({
      command: 'cancel-subscription',
      subscriptionId: current(words),
      at: words.instant('DATE'),
    })),
    action('DATE move DEPLOYMENT to TENANT', (words) => ({
      command: 'assign-deployment',
      deploymentId: words.of('DEPLOYMENT'),
      tenantId: words.of('TENANT'),
      from: words.instant('DATE'),
    })),
  ];
}

function rateKey(written: string, { place }: Block): RateKey {
  const [resourceType, resourceFamily, location, ...more] = written.split('/');
  if (resourceType === undefined || resourceFamily === undefined || location === undefined || more.length > 0)
    throw new ScenarioError(place, `${written} is not a rate: type/family/location, such as VmCores/standard/eu`);
  return { resourceType, resourceFamily, location };
}

/**
 * A reading is of its day, unless it says until when; a correction names it by its day, kind, deployment and quantity.
 */
function usageForms({ readings }: Told): readonly Entry[] {
  return [
    action('DATE use QUANTITY KIND on DEPLOYMENT [at RATE] [with ATTRIBUTES] [until UNTIL]', (words, block) => {
      const [start, deploymentId, rate, attributes] = [
        words.instant('DATE'),
        words.of('DEPLOYMENT'),
        words.optional('RATE'),
        words.attributes('ATTRIBUTES'),
      ];
      const observation: Observation = {
        resourceId: 'meter',
        billingKind: words.of('KIND'),
        period: { start, end: words.optionalInstant('UNTIL') ?? dayOf(start).end },
        granularity: 'event',
        sourceId: `line-${block.place.line}`,
        quantity: text(words.number('QUANTITY')),
        ...(rate === undefined ? {} : { rateKey: rateKey(rate, block) }),
        ...(attributes === undefined ? {} : { attributes }),
      };
      readings.push({ deploymentId, observation, quantity: observation.quantity });
      return { command: 'observe-usage', deploymentId, observations: [observation] };
    }),
    action('DATE correct BEFORE KIND on DEPLOYMENT to AFTER because REASON', (words, block) => {
      const [day, deploymentId, before] = [words.instant('DATE'), words.of('DEPLOYMENT'), text(words.number('BEFORE'))];
      const [found, ...more] = readings.filter(
        (each) =>
          each.deploymentId === deploymentId &&
          each.observation.billingKind === words.of('KIND') &&
          each.observation.period.start === day &&
          each.quantity === before,
      );
      if (found === undefined || more.length > 0)
        throw new ScenarioError(
          block.place,
          `${more.length === 0 ? 'no' : 'more than one'} reading of ${before} ${words.of('KIND')} on ` +
            `${deploymentId} at ${day}`,
        );
      const { quantity: _quantity, rateKey: _rateKey, attributes: _attributes, ...key } = found.observation;
      const quantity = words.of('AFTER') === 'nothing' ? null : text(decimal(words.of('AFTER')));
      found.quantity = quantity ?? 'nothing';
      return { command: 'correct-usage', deploymentId, ...key, quantity, reason: words.of('REASON') };
    }),
  ];
}

const RATES: readonly Entry[] = [
  action('DATE rate RATE PRICE [CURRENCY] [until UNTIL]', (words, block) => {
    const currency = words.optional('CURRENCY');
    const price = { unitPrice: words.of('PRICE'), ...(currency === undefined ? {} : { currency }) };
    return {
      command: 'set-rate',
      ...rateKey(words.of('RATE'), block),
      ...price,
      effectiveFrom: words.instant('DATE'),
      ...until(words),
    };
  }),
  action('DATE correct rate RATE PRICE [until UNTIL] because REASON', (words, block) => ({
    command: 'correct-rate',
    ...rateKey(words.of('RATE'), block),
    unitPrice: words.of('PRICE'),
    effectiveFrom: words.instant('DATE'),
    ...until(words),
    reason: words.of('REASON'),
  })),
  action('DATE withdraw rate RATE because REASON', (words, block) => ({
    command: 'withdraw-rate',
    ...rateKey(words.of('RATE'), block),
    from: words.instant('DATE'),
    reason: words.of('REASON'),
  })),
];

const named = (words: Words): InvoiceName => ({ tenantId: words.of('TENANT'), asOf: words.instant('ASOF') });

const INVOICES: readonly Entry[] = [
  form('DATE invoice TENANT', invoiceStep),
  form('DATE void invoice of TENANT as of ASOF because REASON', (words, block) => [
    {
      step: 'void',
      place: block.place,
      name: named(words),
      at: words.instant('DATE'),
      reason: words.of('REASON'),
      refused: refusedIn(block),
    },
  ]),
  form('DATE pay invoice of TENANT as of ASOF', (words, block) => [
    { step: 'pay', place: block.place, name: named(words), at: words.instant('DATE'), refused: refusedIn(block) },
  ]),
];
