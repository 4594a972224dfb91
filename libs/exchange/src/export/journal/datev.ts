import { type Decimal, decimal, min, sum, ZERO } from '#domain/money/decimal';
import { unitAmountText } from '#domain/money/money';
import type { Instant } from '#domain/time/instant';
import { DEFAULT_ACCOUNT_LENGTH, type DatevOptions } from './accounts.js';
import { lastDayOf } from './dates.js';
import type { Posting } from './journal.js';
import { escaped } from './plain-text.js';

interface Of extends DatevOptions {
  /** `2026-04` */
  readonly month: string;
  readonly currency: string;
  /** When what the journal is as of was recorded. */
  readonly at: Instant;
}

const numbered = (count: number, ...names: readonly string[]): string[] =>
  Array.from({ length: count }, (_, index) => names.map((name) => `${name} ${index + 1}`)).flat();

/** The columns of a Buchungsstapel, format version 13. They are read by their place. */
const COLUMNS = [
  ...[
    'Umsatz (ohne Soll/Haben-Kz)',
    'Soll/Haben-Kennzeichen',
    'WKZ Umsatz',
    'Kurs',
    'Basis-Umsatz',
    'WKZ Basis-Umsatz',
  ],
  ...['Konto', 'Gegenkonto (ohne BU-Schlüssel)', 'BU-Schlüssel', 'Belegdatum', 'Belegfeld 1', 'Belegfeld 2', 'Skonto'],
  ...['Buchungstext', 'Postensperre', 'Diverse Adressnummer', 'Geschäftspartnerbank', 'Sachverhalt', 'Zinssperre'],
  ...['Beleglink', ...numbered(8, 'Beleginfo - Art', 'Beleginfo - Inhalt'), 'KOST1 - Kostenstelle'],
  ...['KOST2 - Kostenstelle', 'Kost-Menge', 'EU-Land u. UStID (Bestimmung)', 'EU-Steuersatz (Bestimmung)'],
  ...['Abw. Versteuerungsart', 'Sachverhalt L+L', 'Funktionsergänzung L+L', 'BU 49 Hauptfunktionstyp'],
  ...['BU 49 Hauptfunktionsnummer', 'BU 49 Funktionsergänzung'],
  ...numbered(20, 'Zusatzinformation - Art', 'Zusatzinformation - Inhalt'),
  ...['Stück', 'Gewicht', 'Zahlweise', 'Forderungsart', 'Veranlagungsjahr', 'Zugeordnete Fälligkeit', 'Skontotyp'],
  ...['Auftragsnummer', 'Buchungstyp', 'USt-Schlüssel (Anzahlungen)', 'EU-Land (Anzahlungen)'],
  ...['Sachverhalt L+L (Anzahlungen)', 'EU-Steuersatz (Anzahlungen)', 'Erlöskonto (Anzahlungen)', 'Herkunft-Kz'],
  ...['Buchungs GUID', 'KOST-Datum', 'SEPA-Mandatsreferenz', 'Skontosperre', 'Gesellschaftername'],
  ...['Beteiligtennummer', 'Identifikationsnummer', 'Zeichnernummer', 'Postensperre bis'],
  ...['Bezeichnung SoBil-Sachverhalt', 'Kennzeichen SoBil-Buchung', 'Festschreibung', 'Leistungsdatum'],
  ...['Datum Zuord. Steuerperiode', 'Fälligkeit', 'Generalumkehr (GU)', 'Steuersatz', 'Land', 'Abrechnungsreferenz'],
  ...['BVV-Position', 'EU-Land u. UStID (Ursprung)', 'EU-Steuersatz (Ursprung)', 'Abw. Skontokonto'],
];

/** A line in Windows-1252, of which the umlauts of the columns are as in Latin-1. */
const line = (fields: readonly (string | null)[]): Buffer =>
  Buffer.from(`${fields.map((field) => field ?? '').join(';')}\r\n`, 'latin1');
const quoted = (text: string): string => `"${text}"`;

/** A Buchungsstapel of DATEV (EXTF 700). Each line books an amount from one account to another. */
export async function* datevFile(transactions: AsyncIterable<readonly Posting[]>, of: Of): AsyncGenerator<Buffer> {
  yield line(headerOf(of));
  yield line(COLUMNS);
  for await (const postings of transactions)
    for (const pair of pairsOf(postings)) {
      const [first] = postings;
      if (first === undefined) continue;
      const { date, document, transaction } = first;
      const fields = [
        ...[moneyText(pair.amount, of.currency), quoted('S'), quoted(of.currency), null, null, null],
        ...[pair.debit, pair.credit, null, `${date.slice(8, 10)}${date.slice(5, 7)}`],
        ...[quoted(document.replace(/[^A-Za-z0-9$&%*+/-]/g, '-').slice(0, 36)), null, null],
        quoted(escaped(transaction).slice(0, 60)),
      ];
      yield line([...fields, ...COLUMNS.slice(fields.length).map(() => null)]);
    }
}

/** The 31 fields of the first line. */
function headerOf({
  month,
  currency,
  at,
  consultant,
  client,
  accountLength = DEFAULT_ACCOUNT_LENGTH,
  fiscalYearStart = '01-01',
}: Of) {
  const digits = (text: string): string => text.replace(/\D/g, '');
  const year = Number(month.slice(0, 4)) - (fiscalYearStart.slice(0, 2) > month.slice(5) ? 1 : 0);
  return [
    ...[quoted('EXTF'), '700', '21', quoted('Buchungsstapel'), '13', digits(at).slice(0, 17).padEnd(17, '0'), null],
    ...[quoted(''), quoted('Ledgerline'), quoted(''), consultant ?? null, client ?? null],
    ...[`${year}${digits(fiscalYearStart)}`, accountLength, `${digits(month)}01`, digits(lastDayOf(month))],
    ...[quoted(`Ledgerline ${month}`), quoted(''), '1', '0', '0', quoted(currency)],
    ...[null, quoted(''), null, null, quoted(''), null, null, quoted(''), quoted('')],
  ];
}

const moneyText = (amount: Decimal, currency: string): string => {
  const [units = '0', decimals = ''] = unitAmountText(amount, currency).split('.');
  return `${units},${decimals.padEnd(2, '0')}`;
};

interface Pair {
  readonly debit: string;
  readonly credit: string;
  readonly amount: Decimal;
}

/**
 * Debits and credits of a transaction, one against the other in their order. Each account keeps its sum: DATEV takes no
 * booking from an account to itself.
 */
function pairsOf(postings: readonly Posting[]): Pair[] {
  const sums = [...Map.groupBy(postings, ({ account }) => account)].map(([account, own]) => ({
    account,
    amount: sum(own.map(({ amount }) => decimal(amount))),
  }));
  const side = (isDebit: boolean) =>
    sums
      .map(({ account, amount }) => ({ account, left: isDebit ? amount : amount.neg() }))
      .filter(({ left }) => left.gt(ZERO));
  const [debits, credits] = [side(true), side(false)];
  const pairs: Pair[] = [];
  for (const debit of debits)
    for (const credit of credits) {
      const amount = min(debit.left, credit.left);
      if (amount.lte(ZERO)) continue;
      pairs.push({ debit: debit.account, credit: credit.account, amount });
      debit.left = debit.left.minus(amount);
      credit.left = credit.left.minus(amount);
    }
  return pairs;
}
