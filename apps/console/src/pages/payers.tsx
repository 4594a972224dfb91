import { Button, Group } from '@mantine/core';
import { decimal, text } from '#domain/money/decimal';
import type { ConsolidatedInvoice, Payer } from '../../../../clients/typescript/ledgerline.ts';
import { useList } from '../answers.ts';
import { monthOf } from '../formats.ts';
import { useMoment } from '../moment.ts';
import {
  correctionColumn,
  type FactChange,
  periodFields,
  periodIn,
  useFactChange,
  withdrawalOf,
} from '../parts/change-fact.tsx';
import { Document } from '../parts/document.tsx';
import { Named, TENANT } from '../parts/named.tsx';
import { During, Money, Section, Status, When } from '../parts/states.tsx';
import { ListTable, To } from '../parts/table.tsx';
import { useMay } from '../session.tsx';

/** To whom the invoices of a tenant are addressed, and which others it pays for, over time. */
export function Payers({ tenantId, zone }: { readonly tenantId: string; readonly zone: string }) {
  const { asOf } = useMoment();
  const mayWrite = useMay('platform_admin', 'operator') && asOf === undefined;
  const { ask, dialog } = useFactChange();
  const own = useList('payers', { tenantId });
  const others = useList('payers', { payerId: tenantId });
  const inForce = {
    title: 'In force',
    value: ({ effectiveFrom }: Payer) => effectiveFrom,
    show: ({ period }: Payer) => <During of={period} timeZone={zone} />,
  };
  const keyOf = (each: Payer): string => `${each.tenantId} ${each.effectiveFrom}`;
  return (
    <Section title="Payer">
      {mayWrite && (
        <Group mb="xs">
          <Button
            onClick={() => {
              ask(payerChange(tenantId, null));
            }}
          >
            Set a payer
          </Button>
        </Group>
      )}
      <ListTable
        name="payers"
        list={own}
        keyOf={keyOf}
        empty="Its invoices are addressed to itself."
        columns={[
          {
            title: 'Invoices are addressed to',
            value: ({ payerId }) => payerId ?? tenantId,
            show: ({ payerId }) => <Named kind="tenant" id={payerId ?? tenantId} />,
          },
          inForce,
          ...(mayWrite
            ? [
                correctionColumn(({ payerId }: Payer) => `payer ${payerId ?? tenantId}`, {
                  correct: (payer) => {
                    ask(payerChange(tenantId, payer));
                  },
                  withdraw: ({ effectiveFrom }) => {
                    ask(payerWithdrawal({ tenantId, effectiveFrom }));
                  },
                }),
              ]
            : []),
        ]}
      />
      <ListTable
        name="paid for"
        list={others}
        keyOf={keyOf}
        empty="It pays for no other tenant."
        columns={[{ ...TENANT, title: 'Pays for' }, inForce]}
      />
      <ConsolidatedInvoices tenantId={tenantId} zone={zone} />
      {dialog}
    </Section>
  );
}

const RECORDED = 'The payer is recorded. Issued invoices stay addressed as they are.';

/** A payer is set from an instant on, or corrected over a period. null: a new one. */
function payerChange(tenantId: string, of: Payer | null): FactChange {
  const command = of === null ? ('set-payer' as const) : ('correct-payer' as const);
  return {
    title: of === null ? 'Set a payer' : `Correct the payer of ${tenantId}`,
    note: 'The tenant that its invoices are addressed to.',
    fields: [
      { name: 'payerId', label: 'Tenant that pays (empty: the tenant itself)', value: of?.payerId ?? '' },
      ...periodFields(of ?? { effectiveFrom: `${monthOf(new Date())}-01T00:00:00Z`, effectiveUntil: null }),
    ],
    margin: null,
    commandOf: (values, reason) => ({
      ...{ command, tenantId, reason, payerId: (values['payerId'] ?? '') === '' ? null : (values['payerId'] ?? null) },
      ...periodIn(values),
    }),
    recorded: RECORDED,
  };
}

const payerWithdrawal = (key: { readonly tenantId: string; readonly effectiveFrom: string }): FactChange =>
  withdrawalOf('set-payer', key, {
    noun: 'payer',
    named: `the payer of ${key.tenantId}`,
    margin: null,
    recorded: RECORDED,
  });

/** All invoices of a page are read, for their sums. */
const AT_ONCE = 50;

const numbersIn = ({ tenants }: ConsolidatedInvoice): string[] =>
  tenants.flatMap(({ invoices }) => invoices.map(({ number }) => number));

const leftToPay = ({ amountDue, amountPaid }: ConsolidatedInvoice): string =>
  text(decimal(amountDue).minus(decimal(amountPaid)));

/** The documents over the invoices which are addressed to a tenant. */
function ConsolidatedInvoices({ tenantId, zone }: { readonly tenantId: string; readonly zone: string }) {
  const list = useList('consolidatedInvoices', { payerId: tenantId }, AT_ONCE);
  return (
    <ListTable
      name="consolidated invoices"
      list={list}
      keyOf={({ number }) => number}
      empty="There is no consolidated invoice for it."
      columns={[
        { title: 'Consolidated invoice', value: ({ number }) => number },
        { title: 'Status', value: ({ status }) => status, show: ({ status }) => <Status of={status} /> },
        {
          title: 'Issued',
          value: ({ issuedAt }) => issuedAt,
          show: ({ issuedAt }) => <When at={issuedAt} timeZone={zone} />,
        },
        {
          title: 'Pay by',
          value: ({ dueAt }) => dueAt,
          show: ({ dueAt }) => <When at={dueAt} timeZone={zone} />,
        },
        {
          title: 'Invoices',
          value: (each) => numbersIn(each).join(' '),
          show: (each) =>
            numbersIn(each).map((number) => (
              <span key={number}>
                <To path={`/invoices/${number}`}>{number}</To>{' '}
              </span>
            )),
        },
        {
          title: 'Total',
          value: ({ total }) => total,
          show: ({ total, currency }) => <Money amount={total} currency={currency} />,
          isNumber: true,
        },
        {
          title: 'Left to pay',
          value: leftToPay,
          show: (each) => <Money amount={leftToPay(each)} currency={each.currency} />,
          isNumber: true,
        },
        {
          title: 'Print',
          value: () => null,
          show: ({ number }) => (
            <Document
              of={number}
              ask={async (client, asOf) => client.consolidatedInvoiceDocument({ id: number, asOf })}
            />
          ),
        },
      ]}
    />
  );
}
