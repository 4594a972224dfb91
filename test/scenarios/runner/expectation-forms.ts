import { text } from '#domain/money/decimal';
import { type Block, ScenarioError } from './blocks.js';
import { form, type Form, readChildren, withoutChildren, type Words } from './forms.js';
import type {
  ExpectedInvoice,
  PartFigures,
  QuarantineFigures,
  RowFigures,
  Said,
  Step,
  TotalFigures,
  UnbilledFigures,
} from './scenario.js';

/** A field for each word that is there. */
const given = (words: Words, fields: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([field, word]) =>
      words.optional(word) === undefined ? [] : [[field, words.of(word)]],
    ),
  );

function rowOf(words: Words): RowFigures {
  const [quantity, unitAmount] = [words.plain('QUANTITY'), words.plain('PRICE')];
  return {
    billingKind: words.of('KIND'),
    period: words.period('PERIOD'),
    kind: (words.optional('CORRECTION') ?? 'charge') as RowFigures['kind'],
    net: words.of('NET'),
    ...given(words, { deploymentId: 'DEPLOYMENT', ref: 'REF', discount: 'DISCOUNT', tax: 'AMOUNT' }),
    ...(quantity === undefined ? {} : { quantity }),
    ...(unitAmount === undefined ? {} : { unitAmount }),
  };
}

type InvoiceLine =
  | { readonly says: 'nothing' }
  | { readonly says: 'row'; readonly row: Said<RowFigures> }
  | { readonly says: 'quarantined'; readonly quarantined: Said<QuarantineFigures> }
  | { readonly says: 'total'; readonly total: Said<TotalFigures> };

const total = (usage: string, field: keyof TotalFigures): Form<InvoiceLine> =>
  form(usage, (words, { place }) => ({
    says: 'total',
    total: { place, [field]: words.optional('AMOUNT') ?? words.of('NUMBER') },
  }));

const INVOICE_LINES: readonly Form<InvoiceLine>[] = [
  form('nothing due', () => ({ says: 'nothing' })),
  total('subtotal AMOUNT', 'subtotal'),
  total('tax AMOUNT', 'tax'),
  total('total AMOUNT', 'total'),
  total('number NUMBER', 'number'),
  form('quarantined KIND CODE', (words, { place }) => ({
    says: 'quarantined',
    quarantined: { place, billingKind: words.of('KIND'), code: words.of('CODE') },
  })),
  form(
    'KIND [on DEPLOYMENT] PERIOD [CORRECTION] [REF] [QUANTITY x PRICE] [less DISCOUNT] = NET [tax AMOUNT]',
    (words, { place }) => ({ says: 'row', row: { place, ...rowOf(words) } }),
  ),
];

/** An invoice as of its date, issued at once, and what it must be: its total, or that nothing is due. */
export function invoiceStep(words: Words, block: Block): Step[] {
  const lines = readChildren(block, INVOICE_LINES);
  block.children.forEach(withoutChildren);
  const expected: ExpectedInvoice = {
    isNothing: lines.some(({ says }) => says === 'nothing'),
    rows: lines.flatMap((line) => (line.says === 'row' ? [line.row] : [])),
    quarantined: lines.flatMap((line) => (line.says === 'quarantined' ? [line.quarantined] : [])),
    totals: lines.flatMap((line) => (line.says === 'total' ? [line.total] : [])),
  };
  if (expected.isNothing === expected.totals.some(({ total: amount }) => amount !== undefined))
    throw new ScenarioError(block.place, 'an invoice says its total, or that nothing is due');
  return [
    {
      step: 'invoice',
      place: block.place,
      name: { tenantId: words.of('TENANT'), asOf: words.instant('DATE') },
      expected,
    },
  ];
}

const PARTS: readonly Form<Said<PartFigures>>[] = [
  form('PERIOD [QUANTITY used] = NET STATE', (words, { place }) => {
    const quantity = words.plain('QUANTITY');
    return {
      place,
      period: words.period('PERIOD'),
      net: words.of('NET'),
      state: words.of('STATE') as PartFigures['state'],
      ...(quantity === undefined ? {} : { quantity }),
    };
  }),
];
const UNBILLED: readonly Form<Said<UnbilledFigures> | null>[] = [
  form('nothing', () => null),
  form('QUANTITY KIND on DEPLOYMENT with WHY', (words, { place }) => ({
    place,
    quantity: text(words.number('QUANTITY')),
    billingKind: words.of('KIND'),
    deploymentId: words.of('DEPLOYMENT'),
    reason: words.of('WHY').replaceAll(' ', '_'),
  })),
];

/** What a story expects of all that is recorded so far. */
export const EXPECTATIONS: readonly Form<readonly Step[]>[] = [
  form('expect billed to TENANT [for KIND] = AMOUNT', (words, block) => {
    withoutChildren(block);
    return [
      {
        step: 'expect-billed',
        place: block.place,
        tenantId: words.of('TENANT'),
        billingKind: words.optional('KIND') ?? null,
        amount: words.of('AMOUNT'),
      },
    ];
  }),
  form('expect parts of KIND on DEPLOYMENT over PERIOD', (words, block) => {
    const of = { deploymentId: words.of('DEPLOYMENT'), billingKind: words.of('KIND'), period: words.period('PERIOD') };
    return [{ step: 'expect-parts', place: block.place, ...of, parts: readChildren(block, PARTS) }];
  }),
  form('expect unbilled', (_words, block) => {
    const items = readChildren(block, UNBILLED);
    if (items.length === 0) throw new ScenarioError(block.place, 'say what is unbilled, or nothing');
    return [{ step: 'expect-unbilled', place: block.place, items: items.filter((item) => item !== null) }];
  }),
];
