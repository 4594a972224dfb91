import type { Statement } from '#billing/invoices/statement';
import { decimal, ZERO } from '#domain/money/decimal';
import type { Details } from '#ledger/tenant-details';
import { assertAddsUp } from './adds-up.js';
import { Dates } from './dates.js';
import { html, type Html } from './html.js';
import { type Column, documentPage } from './page.js';
import { figure, isZero, negated, quietly, sumRow } from './rows.js';
import { owingPayers } from './owing-payers.js';

export interface StatementDocument {
  readonly statement: Statement;
  readonly seller: string | null;
  /** null: erased. */
  readonly tenant: Details | null;
  readonly timeZone: string;
  readonly shownAsOf: string | null;
}

const COLUMNS: readonly Column[] = [
  { heading: 'Entry', kind: 'name' },
  { heading: 'Date', kind: 'figure' },
  { heading: 'Amount', kind: 'figure' },
  { heading: 'Balance', kind: 'figure' },
];
const WIDTH = COLUMNS.length;

const NAMES: Readonly<Record<Statement['entries'][number]['type'], string>> = {
  invoice: 'Invoice',
  credit_note: 'Credit note',
  void: 'Void of invoice',
  payment: 'Payment',
  invoice_payment: 'Payment of invoice',
  refund: 'Refund',
};

/** A statement of account as sent to the tenant. Errors: `DoesNotAddUp`. */
export function statementDocument({ statement, seller, tenant, timeZone, shownAsOf }: StatementDocument): string {
  const { tenantId, payerId, currency, period, opening, closing, entries } = statement;
  const title = 'Statement of account';
  assertAddsUp(title, 'its entries', [opening, ...entries.map(({ amount }) => amount)], closing);
  const dates = new Dates(timeZone);
  return documentPage({
    title,
    mark: null,
    seller,
    tenant,
    tenantId,
    facts: [
      ['Period', dates.period(period)],
      ...(payerId === null ? [] : [['Of', 'invoices that you pay for others'] as const]),
      ['Currency', currency],
      ['Opening balance', opening],
      ['Closing balance', closing],
      ...ownPart(statement),
      ...(shownAsOf === null ? [] : [['As recorded up to', shownAsOf] as const]),
    ],
    columns: COLUMNS,
    bodies: [
      html`<tbody>${[
        sumRow('sum', WIDTH, 'Opening balance', opening),
        ...entries.map((entry) => entryRow(entry, dates, payerId)),
        sumRow('total', WIDTH, `Closing balance, ${currency}`, closing),
        ...owingPayers(statement).map((each) =>
          sumRow('sum', WIDTH, ...owedText(each.payerId, each.closing, currency)),
        ),
        ...ownPart(statement).map((each) => sumRow('sum', WIDTH, ...each)),
      ]}</tbody>`,
      totalsBody(statement),
      prepaidBody(statement),
    ],
    notes: [`All amounts are in ${currency}. Days and times are those of ${timeZone}.`, ...notesOf(statement)],
    forStaff: [],
  });
}

/** Who owes a balance, or, below zero, to whom it is owed; and the amount. */
const owedText = (who: string, balance: string, currency: string): readonly [string, string] =>
  decimal(balance).lt(ZERO) ? [`Owed to ${who}`, negated(balance, currency)] : [`To be paid by ${who}`, balance];

/** What the tenant owes itself, where payers owe another part of the balance. */
const ownPart = (statement: Statement): (readonly [string, string])[] =>
  owingPayers(statement).length === 0 ? [] : [owedText('you', statement.ownClosing, statement.currency)];

function notesOf(statement: Statement): string[] {
  const { payerId, otherCurrencies, owedByPayers, standing } = statement;
  const { due, credit, unapplied } = standing;
  const ofPayers = owedByPayers
    .flatMap((each) => (isZero(each.due) ? [] : `${each.due} by ${each.payerId}`))
    .join(', ');
  const debtors =
    ofPayers === '' && owingPayers(statement).length === 0
      ? 'you'
      : 'you, or by the payer that its invoices are addressed to';
  return [
    `A balance above zero is owed by ${debtors}; a balance below zero is owed to you.`,
    payerId === null
      ? `Now due: ${due}${ofPayers === '' ? '' : `, of it ${ofPayers}`}. Your credit: ${credit}.` +
        ` Left of payments: ${unapplied}.`
      : `Now due: ${due}. An invoice is shown less the credit that it took.`,
    ...(otherCurrencies.length === 0
      ? []
      : [`There are amounts in ${otherCurrencies.join(' and ')} too. They have statements of their own.`]),
  ];
}

function entryRow(entry: Statement['entries'][number], dates: Dates, payerId: string | null): Html {
  const { tenantId, type, number, id, reference, reason, corrections, applied, at, amount, balance } = entry;
  const said = [
    ...(payerId === null ? [] : [`for ${tenantId}`]),
    ...(payerId !== null || entry.payerId === null
      ? []
      : [type === 'payment' ? `from ${entry.payerId}` : `addressed to ${entry.payerId}`]),
    ...(reference === null ? [] : [reference]),
    ...(reason === null ? [] : [reason]),
    ...(corrections === null ? [] : [`corrections of earlier invoices: ${corrections}`]),
    ...applied.map((each) => `${each.amount} for ${each.number}`),
  ].join('; ');
  const name = `${NAMES[type]} ${number ?? id}`;
  const figures = [dates.instant(at), amount, balance].map(figure);
  return html`<tr class="row"><td>${name}${quietly(said)}</td>${figures}</tr>`;
}

/** Credit that the tenant bought, if it ever did. */
function prepaidBody({ prepaid: { opening, topUps, used, expired, closing } }: Statement): Html {
  const sums: readonly [string, string][] = [
    ['Prepaid credit at the start', opening],
    ...topUps.map(({ creditId, amount }): [string, string] => [`Prepaid credit bought: ${creditId}`, amount]),
    ['Prepaid credit used by invoices', used],
    ['Prepaid credit expired', expired],
    ['Prepaid credit at the end', closing],
  ];
  const isNone = sums.every(([, amount]) => isZero(amount));
  const shown = isNone ? [] : sums;
  return html`<tbody class="totals">${shown.map(([name, amount]) => sumRow('row', WIDTH, name, amount))}</tbody>`;
}

/** The sums of the entries by type. */
function totalsBody({ invoiced, voided, credited, paid, refunded }: Statement): Html {
  const sums: readonly [string, string][] = [
    ['Invoiced', invoiced],
    ['Voided', voided],
    ['Credited', credited],
    ['Paid', paid],
    ['Refunded', refunded],
  ];
  const shown = sums.filter(([, amount]) => !isZero(amount));
  return html`<tbody class="totals">${shown.map(([name, amount]) => sumRow('row', WIDTH, name, amount))}</tbody>`;
}
