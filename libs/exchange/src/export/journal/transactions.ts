import type { FrozenRow } from '#domain/invoices/invoice';
import { byMonth } from '#domain/margin/months';
import { type Decimal, decimal, sum, ZERO } from '#domain/money/decimal';
import { lastDayOf } from './dates.js';
import type { AccountKey } from './accounts.js';

export type TransactionType =
  | 'invoice'
  | 'credit_note'
  | 'void'
  | 'release'
  | 'accrual'
  | 'payment'
  | 'application'
  | 'refund'
  | 'prepayment'
  | 'expiry'
  | 'cost';

/** An amount on an account. Above zero: debit; below: credit. */
export interface Entry {
  readonly account: AccountKey;
  readonly amount: Decimal;
  readonly kind: string | null;
  /** The month that the amount is charged for, `2026-04`. null: it is of no month. */
  readonly chargeMonth: string | null;
  readonly isCorrection: boolean;
  readonly taxRatePercent: string | null;
  /** Of a receivable: the tenant that owes it. Absent: the tenant of the transaction. */
  readonly payerId?: string | undefined;
}

export interface Transaction {
  readonly id: string;
  /** `2026-04-30` */
  readonly date: string;
  readonly type: TransactionType;
  /** The number of the invoice or credit note, or the provider's invoice. */
  readonly document: string;
  /** The month in which the document is booked. */
  readonly bookedMonth: string;
  readonly tenantId: string | null;
  readonly provider: string | null;
  readonly currency: string;
  readonly entries: readonly Entry[];
}

/** A document with its rows. */
export interface BookedDocument {
  readonly number: string;
  readonly isCreditNote: boolean;
  /** `2026-04-30`, in the tenant's time zone, as the document says. */
  readonly issuedOn: string;
  readonly voidedOn: string | null;
  readonly tenantId: string;
  /** The tenant that it is addressed to. null: the billed tenant itself. */
  readonly payerId: string | null;
  readonly currency: string;
  /** What its issue adds to the receivables. */
  readonly due: Decimal;
  readonly rows: readonly FrozenRow[];
}

/** Entries of one account, kind, month and so on are one. Entries of 0 are left out. */
export function merged(entries: readonly Entry[]): Entry[] {
  const groups = Map.groupBy(entries, ({ account, kind, chargeMonth, isCorrection, taxRatePercent, payerId }) =>
    JSON.stringify([account, kind, chargeMonth, isCorrection, taxRatePercent, payerId]),
  );
  return [...groups.values()]
    .flatMap((group) => group.slice(0, 1).map((one) => ({ ...one, amount: sum(group.map(({ amount }) => amount)) })))
    .filter(({ amount }) => !amount.eq(ZERO));
}

const PLAIN = { kind: null, chargeMonth: null, isCorrection: false, taxRatePercent: null };

/** An entry that is of no kind and no month. */
export const plainEntry = (account: AccountKey, amount: Decimal): Entry => ({ ...PLAIN, account, amount });

/** An amount that a tenant owes, or the payer of its invoice. */
export const receivable = (amount: Decimal, payerId: string | null): Entry => ({
  ...plainEntry('receivable', amount),
  ...(payerId === null ? {} : { payerId }),
});

/** What a row charges for a month. */
interface Share {
  readonly kind: string;
  readonly chargeMonth: string;
  readonly isCorrection: boolean;
  readonly net: Decimal;
  readonly discount: Decimal;
  readonly credit: Decimal;
  /** The part of the credit that was bought. */
  readonly prepaid: Decimal;
}

/** Whether a credit of the tenant was bought. */
export type IsPrepaid = (creditId: string) => boolean;

const prepaidIn = ({ credits = [] }: FrozenRow, isPrepaid: IsPrepaid): Decimal =>
  sum(credits.filter(({ creditId }) => isPrepaid(creditId)).map(({ amount }) => decimal(amount)));

/** As the margin divides revenue: by time, telescoping. */
function sharesOf(row: FrozenRow, currency: string, isPrepaid: IsPrepaid): Share[] {
  const divided = (amount: Decimal): Map<string, Decimal> =>
    new Map(byMonth(amount, row.chargePeriod, currency).map((share) => [share.month, share.amount]));
  const net = divided(decimal(row.net));
  const [discount, credit] = [divided(decimal(row.discount)), divided(decimal(row.credit))];
  const prepaid = divided(prepaidIn(row, isPrepaid));
  return [...net].map(([chargeMonth, amount]) => ({
    kind: row.billingKind,
    chargeMonth,
    isCorrection: row.kind !== 'charge',
    net: amount,
    discount: discount.get(chargeMonth) ?? ZERO,
    credit: credit.get(chargeMonth) ?? ZERO,
    prepaid: prepaid.get(chargeMonth) ?? ZERO,
  }));
}

/** Revenue before discounts and credits, and these: together the net amount. And what bought credits pay of it. */
function earned({ kind, chargeMonth, isCorrection, net, discount, credit, prepaid }: Share, sign: Sign): Entry[] {
  const of = { kind, chargeMonth, isCorrection, taxRatePercent: null };
  return [
    { ...of, account: 'revenue', amount: signed(net.plus(discount).plus(credit).neg(), sign) },
    { ...of, account: 'discounts', amount: signed(discount, sign) },
    { ...of, account: 'credits', amount: signed(credit, sign) },
    { ...of, account: 'prepaidCreditUsed', amount: signed(prepaid.neg(), sign) },
  ];
}

type Sign = 1 | -1;
const signed = (amount: Decimal, sign: Sign): Decimal => (sign === 1 ? amount : amount.neg());

/** An advance is owed until its month; what is billed in arrears was accrued in its month. */
const held = ({ chargeMonth }: Share, bookedMonth: string): AccountKey =>
  chargeMonth > bookedMonth ? 'deferredRevenue' : 'accruedRevenue';

/**
 * What a document books in a month. In the month of its issue: the receivable, tax, the revenue of that month, and
 * what is deferred or was accrued of others. In any other month: the revenue of that month, released from what was
 * deferred or accrued until the document comes. A void invoice is booked, and taken back when it is voided.
 */
export function documentTransactions(document: BookedDocument, month: string, isPrepaid: IsPrepaid): Transaction[] {
  const { number, isCreditNote, issuedOn, voidedOn, tenantId, currency, rows } = document;
  const of = { document: number, tenantId, provider: null, currency };
  const shares = rows.flatMap((row) => sharesOf(row, currency, isPrepaid));
  const issue = { id: number, date: issuedOn, sign: 1, type: isCreditNote ? 'credit_note' : 'invoice' } as const;
  const events = [
    issue,
    ...(voidedOn === null ? [] : [{ id: `${number}/void`, date: voidedOn, sign: -1, type: 'void' } as const]),
  ];
  return events.flatMap(({ id, date, sign, type }): Transaction[] => {
    const bookedMonth = date.slice(0, 7);
    if (bookedMonth === month)
      return [
        {
          ...{ ...of, id, type, bookedMonth, date },
          entries: merged([
            ...settled(document, isPrepaid).map((entry) => ({ ...entry, amount: signed(entry.amount, sign) })),
            ...shares.flatMap((share) =>
              share.chargeMonth === month
                ? earned(share, sign)
                : [{ ...heldEntry(share, bookedMonth), amount: signed(share.net.plus(share.prepaid).neg(), sign) }],
            ),
          ]),
        },
      ];
    const recognised = month > bookedMonth ? 'release' : 'accrual';
    return [
      {
        ...{ ...of, id: `${id}/${recognised}/${month}`, type: recognised, bookedMonth, date: lastDayOf(month) },
        entries: merged(
          shares
            .filter(({ chargeMonth }) => chargeMonth === month)
            .flatMap((share) => [
              { ...heldEntry(share, bookedMonth), amount: signed(share.net.plus(share.prepaid), sign) },
              ...earned(share, sign),
            ]),
        ),
      },
    ];
  });
}

const heldEntry = (share: Share, bookedMonth: string): Omit<Entry, 'amount'> => ({
  account: held(share, bookedMonth),
  kind: share.kind,
  chargeMonth: share.chargeMonth,
  isCorrection: share.isCorrection,
  taxRatePercent: null,
});

/** The total of a document, on the tenant's side, its tax, and the bought credits that it uses. */
function settled({ rows, due, payerId }: BookedDocument, isPrepaid: IsPrepaid): Entry[] {
  const total = sum(rows.flatMap(({ net, tax }) => [decimal(net), decimal(tax)]));
  return [
    receivable(due, payerId),
    plainEntry('tenantCredit', total.minus(due)),
    ...rows.map(({ tax, taxRatePercent }) => ({
      ...plainEntry('taxPayable', decimal(tax).neg()),
      taxRatePercent,
    })),
    plainEntry('prepaidCredit', sum(rows.map((row) => prepaidIn(row, isPrepaid)))),
  ];
}
