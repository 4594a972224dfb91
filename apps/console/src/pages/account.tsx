import { Group, Stack, Text } from '@mantine/core';
import { Fragment } from 'react';
import { midnight } from '#domain/time/calendar';
import type { Statement, StatementEntry, TransferShare } from '../../../../clients/typescript/ledgerline.ts';
import { useAnswer, useList } from '../answers.ts';
import { isMonthText, isNegative, isZero, moneyText, monthOf, monthText } from '../formats.ts';
import { useNow, useParam } from '../moment.ts';
import { Document } from '../parts/document.tsx';
import { MonthInput } from '../parts/month-input.tsx';
import { Named, TENANT } from '../parts/named.tsx';
import { Answered, Figures, Money, Section, When } from '../parts/states.tsx';
import { DataTable, Explain, ListTable, To } from '../parts/table.tsx';

interface OfTenant {
  readonly tenantId: string;
  readonly currencies: readonly string[];
  readonly zone: string;
}

/** What a tenant owes: its payments, its transfers for others, and its statements of a month in each currency. */
export function Account({ tenantId, currencies, zone }: OfTenant) {
  const [month, setMonth] = useParam('accountMonth', monthOf(useNow()));
  return (
    <Section title="Account">
      <Stack gap="md">
        <Payments tenantId={tenantId} zone={zone} />
        <Transfers payerId={tenantId} zone={zone} />
        <Group>
          <MonthInput label="Month of the statement" month={month} set={setMonth} />
        </Group>
        {isMonthText(month) && (
          <>
            <Statements tenantId={tenantId} currencies={currencies} month={month} zone={zone} />
            <StatementsForOthers payerId={tenantId} currencies={currencies} month={month} zone={zone} />
          </>
        )}
      </Stack>
    </Section>
  );
}

function Payments({ tenantId, zone }: Omit<OfTenant, 'currencies'>) {
  const payments = useList('payments', { tenantId });
  return (
    <ListTable
      name="payments"
      list={payments}
      keyOf={({ paymentId, currency }) => `${paymentId} ${currency}`}
      empty="No payment is recorded. Record one with record-payment."
      columns={[
        { title: 'Payment', value: ({ paymentId }) => paymentId },
        { title: 'Paid', value: ({ at }) => at, show: ({ at }) => <When at={at} timeZone={zone} /> },
        {
          title: 'Sent by',
          value: ({ payerId }) => payerId ?? '',
          show: ({ payerId }) => payerId !== null && <Named kind="tenant" id={payerId} />,
        },
        { title: 'Reference', value: ({ reference }) => reference ?? '' },
        {
          title: 'Amount',
          value: ({ amount }) => amount,
          show: ({ amount, currency }) => <Money amount={amount} currency={currency} />,
          isNumber: true,
        },
        {
          title: 'Pays',
          value: ({ applied }) => applied.map(({ number }) => number).join(', '),
          show: ({ applied, currency }) =>
            applied.map(({ invoiceId, number, amount, applicationId }) => (
              <div key={`${invoiceId} ${applicationId ?? ''}`}>
                <To path={`/invoices/${invoiceId}`}>{number}</To> <Money amount={amount} currency={currency} />
              </div>
            )),
        },
        {
          title: 'Not applied',
          value: ({ unapplied }) => unapplied,
          show: ({ unapplied, currency }) => <Money amount={unapplied} currency={currency} />,
          isNumber: true,
        },
        {
          title: 'Refunded',
          value: ({ refunded }) => refunded,
          show: ({ refunded, currency }) => <Money amount={refunded} currency={currency} />,
          isNumber: true,
        },
      ]}
    />
  );
}

/** What a payer sent at once for several tenants. Most tenants send none: they are shown no empty table. */
function Transfers({ payerId, zone }: { readonly payerId: string; readonly zone: string }) {
  const transfers = useList('transfers', { payerId });
  if (transfers.data?.length === 0) return null;
  return (
    <ListTable
      name="transfers"
      list={transfers}
      keyOf={({ transferId, currency }) => `${transferId} ${currency}`}
      empty="No transfer is recorded. Record one with record-transfer."
      columns={[
        { title: 'Transfer', value: ({ transferId }) => transferId },
        { title: 'Sent', value: ({ at }) => at, show: ({ at }) => <When at={at} timeZone={zone} /> },
        { title: 'Reference', value: ({ reference }) => reference ?? '' },
        {
          title: 'Amount',
          value: ({ amount }) => amount,
          show: ({ amount, currency }) => <Money amount={amount} currency={currency} />,
          isNumber: true,
        },
        {
          title: 'Divided into',
          value: ({ shares }) => shares.map(({ tenantId }) => tenantId).join(', '),
          show: ({ shares, currency }) =>
            shares.map((share) => <Share key={share.tenantId} of={share} currency={currency} />),
        },
      ]}
    />
  );
}

function Share({ of, currency }: { readonly of: TransferShare; readonly currency: string }) {
  const { tenantId, amount, isRecorded, applied, unapplied, refunded } = of;
  const rest = [
    [unapplied, 'not applied'],
    [refunded, 'refunded'],
  ] as const;
  return (
    <div>
      <Named kind="tenant" id={tenantId} /> <Money amount={amount} currency={currency} />
      {applied.map(({ invoiceId, number }) => (
        <Fragment key={invoiceId}>
          {' '}
          <To path={`/invoices/${invoiceId}`}>{number}</To>
        </Fragment>
      ))}
      {rest.map(
        ([left, what]) =>
          !isZero(left) && (
            <span key={what}>
              {' '}
              ({moneyText(left, currency)} {what})
            </span>
          ),
      )}
      {!isRecorded && ' (not recorded: run the command again)'}
    </div>
  );
}

/** The months of a statement are those of the tenant. */
const periodOf = (month: string, zone: string): { readonly start: string; readonly end: string } => ({
  start: midnight(`${month}-01`, zone),
  end: midnight(`${monthOf(new Date(`${month}-15T00:00:00Z`), 1)}-01`, zone),
});

interface InMonth extends Omit<OfTenant, 'tenantId'> {
  readonly month: string;
}

/** In the currencies of the tenant, and in others that it has entries in. */
function Statements({ tenantId, currencies, month, zone }: InMonth & { readonly tenantId: string }) {
  // The statement in one currency names the others.
  const first = useAnswer('statement', { tenantId, currency: currencies[0], ...periodOf(month, zone) });
  return [...new Set([...currencies, ...(first.data?.otherCurrencies ?? [])])].map((currency) => (
    <StatementOf key={currency} of={{ tenantId, currency }} month={month} zone={zone} />
  ));
}

/** What a tenant is to pay of the invoices of others. Most tenants pay for none: they have no such statement. */
function StatementsForOthers({ payerId, currencies, month, zone }: InMonth & { readonly payerId: string }) {
  const others = useList('payers', { payerId });
  const first = useAnswer('statement', { payerId, currency: currencies[0], ...periodOf(month, zone) });
  return (
    <Answered answer={first}>
      {(statement) => {
        const { currency, otherCurrencies } = statement;
        const isOnlyElsewhere = isBlank(statement) && otherCurrencies.length > 0;
        if (isBlank(statement) && !isOnlyElsewhere && (others.data ?? []).length === 0) return null;
        return [...(isOnlyElsewhere ? [] : [currency]), ...otherCurrencies].map((each) => (
          <StatementOf key={each} of={{ payerId, currency: each }} month={month} zone={zone} />
        ));
      }}
    </Answered>
  );
}

const isBlank = ({ opening, entries }: Statement): boolean => isZero(opening) && entries.length === 0;

/** Who owes a part of a balance, or, below zero, to whom it is owed, as it is printed. */
const owed = (who: string, balance: string): readonly [title: string, amount: string] =>
  isNegative(balance) ? [`Owed to ${who}`, balance.slice(1)] : [`To be paid by ${who}`, balance];

/** The parts of the closing balance, where payers owe one. */
function partsOf({ owedByPayers, ownClosing }: Statement): (readonly [title: string, amount: string])[] {
  const owing = owedByPayers.filter(({ closing }) => !isZero(closing));
  if (owing.length === 0) return [];
  return [...owing.map(({ payerId, closing }) => owed(payerId, closing)), owed('itself', ownClosing)];
}

interface OfMonth {
  readonly of: { readonly currency: string } & ({ readonly tenantId: string } | { readonly payerId: string });
  readonly month: string;
  readonly zone: string;
}

function StatementOf({ of, month, zone }: OfMonth) {
  const { currency } = of;
  const isForOthers = 'payerId' in of;
  const question = { ...of, ...periodOf(month, zone) };
  const statement = useAnswer('statement', question);
  const named = `statement of ${monthText(month)} in ${currency}${isForOthers ? ' for others' : ''}`;
  return (
    <Answered answer={statement}>
      {(answer) => (
        <Stack gap="xs">
          <Figures
            of={[
              ['Opening balance', answer.opening],
              ['Invoiced', answer.invoiced],
              ['Voided', answer.voided],
              ['Credited', answer.credited],
              ['Paid', answer.paid],
              ['Refunded', answer.refunded],
              ['Closing balance', answer.closing],
              ...partsOf(answer),
            ]}
            currency={currency}
          />
          {isForOthers && <Text size="sm">Invoices of other tenants, which are addressed to this one:</Text>}
          <Group>
            <Document of={named} ask={async (client, asOf) => client.statementDocument({ ...question, asOf })} />
          </Group>
          <DataTable
            name={named}
            rows={answer.entries}
            keyOf={keyOf}
            empty={`Nothing was booked in ${monthText(month)} in ${currency}.`}
            columns={[
              { title: 'Booked', value: ({ at }) => at, show: ({ at }) => <When at={at} timeZone={zone} /> },
              { title: 'What', value: ({ type }) => type.replaceAll('_', ' ') },
              { title: 'Number', value: ({ number }) => number ?? '', show: (entry) => <Numbered of={entry} /> },
              ...(isForOthers ? [{ ...TENANT, title: 'For' }] : []),
              { title: 'Reference or reason', value: ({ reference, reason }) => reference ?? reason ?? '' },
              { title: 'Amount', value: ({ amount }) => amount, currency },
              { title: 'Balance', value: ({ balance }) => balance, currency },
            ]}
          />
        </Stack>
      )}
    </Answered>
  );
}

const keyOf = ({ type, id, at, number }: StatementEntry): string => `${type} ${id} ${at} ${number ?? ''}`;

function Numbered({ of: { type, id, number } }: { readonly of: StatementEntry }) {
  if (number === null) return id;
  return type === 'credit_note' ? (
    <Explain id={number}>{number}</Explain>
  ) : (
    <To path={`/invoices/${number}`}>{number}</To>
  );
}
