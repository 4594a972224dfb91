import { Group, ScrollArea, Table, Text } from '@mantine/core';
import type { Invoice, InvoiceLine, Line } from '../../../../clients/typescript/ledgerline.ts';
import { POOLED, readRef } from '#domain/prices/refs';
import { useAnswer } from '../answers.ts';
import { moneyText, periodText, quantityText } from '../formats.ts';
import { useNamed } from '../moment.ts';
import { Commands } from '../parts/commands.tsx';
import { Document } from '../parts/document.tsx';
import { Scale } from '../parts/scale.tsx';
import { Answered, Figures, Money, Page, Section, Status, When } from '../parts/states.tsx';
import { DataTable, Explain, To } from '../parts/table.tsx';
import { useIsStaff, useMay } from '../session.tsx';
import { useTenants } from '../tenants.ts';
import { Named } from '../parts/named.tsx';

export function InvoicePage() {
  const id = useNamed();
  const invoice = useAnswer('invoice', { id });
  return <Answered answer={invoice}>{(data) => <Shown invoice={data} />}</Answered>;
}

function Shown({ invoice }: { readonly invoice: Invoice }) {
  const { invoiceId, number, tenantId, currency, status, lines } = invoice;
  const mayWrite = useMay('platform_admin', 'operator');
  const isStaff = useIsStaff();
  const { nameOf, zoneOf } = useTenants(tenantId);
  const timeZone = zoneOf(tenantId);
  return (
    <Page
      title={number ?? `Draft ${invoiceId.slice(0, 8)}`}
      aside={
        <Group>
          <Status of={status} />
          <Document
            of={number ?? invoiceId}
            ask={async (client, asOf) => client.invoiceDocument({ id: invoiceId, asOf })}
          />
          {mayWrite && <Commands invoice={invoice} />}
        </Group>
      }
    >
      <Text size="sm">
        {isStaff ? <To path={`/tenants/${encodeURIComponent(tenantId)}`}>{nameOf(tenantId)}</To> : nameOf(tenantId)}
        {invoice.payerId !== null && (
          <>
            {' · addressed to '}
            <Named kind="tenant" id={invoice.payerId} />
          </>
        )}
        {invoice.consolidatedInvoiceNumber !== null && (
          <>
            {' · part of '}
            <Consolidated number={invoice.consolidatedInvoiceNumber} payerId={invoice.payerId ?? tenantId} />
          </>
        )}
        {' · as of '}
        <When at={invoice.asOf} timeZone={timeZone} />
        {(
          [
            ['issued', invoice.issuedAt],
            ['due', invoice.dueAt],
          ] as const
        ).map(
          ([what, at]) =>
            at !== null && (
              <span key={what}>
                {` · ${what} `}
                <When at={at} timeZone={timeZone} />
              </span>
            ),
        )}
        {` · ${timeZone}`}
      </Text>
      <Figures
        of={[
          ['Subtotal', invoice.subtotal],
          ['Tax', invoice.tax],
          ['Total', invoice.total],
          ['Paid from credit', invoice.creditTaken],
          ['Due', invoice.amountDue],
        ]}
        currency={currency}
      />
      {lines.map((line) => (
        <LineSection key={`${line.lineId} ${line.correction}`} invoice={invoice} line={line} timeZone={timeZone} />
      ))}
      {lines.length === 0 && <Text c="dimmed">Nothing is billed on it.</Text>}
      {invoice.creditNotes.length > 0 && <CreditNotes invoice={invoice} timeZone={timeZone} />}
    </Page>
  );
}

/** The consolidated invoice that it is part of, with a link to those of the payer. */
function Consolidated({ number, payerId }: { readonly number: string; readonly payerId: string }) {
  return useIsStaff() ? <To path={`/tenants/${encodeURIComponent(payerId)}`}>{number}</To> : number;
}

/** What a row is for. */
const pricedAs = (ref: string): string =>
  readRef(ref).isPooled === true ? `${ref.slice(POOLED.length)}, included units that others left` : ref;

function LineSection({
  invoice,
  line,
  timeZone,
}: {
  readonly invoice: Invoice;
  readonly line: InvoiceLine;
  readonly timeZone: string;
}) {
  const { currency } = invoice;
  const title = `${line.billingKind}${line.deploymentId === null ? '' : ` · ${line.deploymentId}`}`;
  return (
    <Section title={line.correction ? `${title} (correction)` : title}>
      <Text size="sm" c="dimmed">
        {line.deploymentId !== null && (
          <>
            <Named kind="deployment" id={line.deploymentId} />
            {' · '}
          </>
        )}
        {`${periodText(line.period, timeZone)} · quantity ${quantityText(line.quantity)}`}
        {line.included === null ? '' : ` · ${quantityText(line.included)} included in the whole period`}
      </Text>
      {line.parentLineId !== null && line.parentPeriod !== null && (
        <SplitLine
          parentId={line.parentLineId}
          whole={line.parentPeriod}
          invoiceId={invoice.invoiceId}
          timeZone={timeZone}
        />
      )}
      {line.rows.length === 0 ? (
        <Text size="sm">Nothing to pay: it used nothing beyond what is included.</Text>
      ) : (
        <Rows line={line} currency={currency} title={title} />
      )}
    </Section>
  );
}

function Rows({
  line,
  currency,
  title,
}: {
  readonly line: InvoiceLine;
  readonly currency: string;
  readonly title: string;
}) {
  return (
    <ScrollArea type="auto" offsetScrollbars="x">
      <Table aria-label={`Rows of ${title}`}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Price</Table.Th>
            <Table.Th ta="right">Quantity</Table.Th>
            <Table.Th ta="right">Unit amount</Table.Th>
            <Table.Th ta="right">Gross</Table.Th>
            <Table.Th ta="right">Discount</Table.Th>
            <Table.Th ta="right">Credit</Table.Th>
            <Table.Th ta="right">Net</Table.Th>
            <Table.Th ta="right">Tax</Table.Th>
            <Table.Th>Why</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {line.rows.map((row, index) => (
            <Table.Tr key={row.rowId ?? index}>
              <Table.Td>
                {pricedAs(row.ref)}
                {row.corrects !== undefined && row.corrects.length > 0 && (
                  <Text size="xs">
                    {'corrects '}
                    {row.corrects.map((id) => (
                      <Explain key={id} id={id}>
                        {id.slice(0, 8)}{' '}
                      </Explain>
                    ))}
                    {row.reason ?? ''}
                  </Text>
                )}
              </Table.Td>
              <Table.Td ta="right" className="number">
                {quantityText(row.quantity)}
              </Table.Td>
              <Table.Td ta="right" className="number">
                {moneyText(row.unitAmount, currency)}
              </Table.Td>
              {[row.gross, row.discount, row.credit, row.net, row.tax ?? '0'].map((amount, place) => (
                // Amounts have no other identity than their column.
                <Table.Td key={place} ta="right">
                  <Money amount={amount} currency={currency} />
                </Table.Td>
              ))}
              <Table.Td>{row.rowId === undefined ? '–' : <Explain id={row.rowId}>explain</Explain>}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}

const PART_TITLES = { own: 'this invoice', open: 'gathering', other: 'billed' } as const;

/** A line that several invoices bill: its parts to scale, with the invoice of each. */
function SplitLine({
  parentId,
  whole,
  invoiceId,
  timeZone,
}: {
  readonly parentId: string;
  readonly whole: { readonly start: string; readonly end: string };
  readonly invoiceId: string;
  readonly timeZone: string;
}) {
  const line = useAnswer('line', { id: parentId });
  const stateOf = (part: Line) => (part.invoiceId === invoiceId ? 'own' : part.invoiceId === null ? 'open' : 'other');
  return (
    <Answered answer={line}>
      {({ parts = [], currency, net, partsNet }) => (
        <>
          <Scale
            label="Parts of the line over its period"
            whole={whole}
            timeZone={timeZone}
            parts={parts.map((part) => ({
              key: part.lineId,
              title: `${PART_TITLES[stateOf(part)]} ${moneyText(part.net, currency)}`,
              state: stateOf(part),
              period: part.period,
              path: part.invoiceId === null ? undefined : `/invoices/${part.invoiceId}`,
            }))}
          />
          <Text size="xs" c="dimmed">
            {`${periodText(whole, timeZone)} in ${parts.length} parts: `}
            <Money amount={partsNet ?? net} currency={currency} />
            {' in all. Blue: this invoice. Grey: other invoices. Orange: not billed yet.'}
          </Text>
        </>
      )}
    </Answered>
  );
}

function CreditNotes({ invoice, timeZone }: { readonly invoice: Invoice; readonly timeZone: string }) {
  return (
    <Section title="Credit notes">
      <DataTable
        name="credit notes"
        rows={invoice.creditNotes}
        keyOf={({ creditNoteId }) => creditNoteId}
        empty=""
        columns={[
          {
            title: 'Number',
            value: (note) => note.number,
            show: (note) => <Explain id={note.number}>{note.number}</Explain>,
          },
          {
            title: 'Issued',
            value: ({ issuedAt }) => issuedAt,
            show: ({ issuedAt }) => <When at={issuedAt} timeZone={timeZone} />,
          },
          { title: 'Reason', value: ({ reason }) => reason },
          {
            title: 'Total',
            value: ({ total }) => total,
            show: ({ total }) => <Money amount={total} currency={invoice.currency} />,
            isNumber: true,
          },
          {
            title: 'Print',
            value: () => null,
            show: (note) => (
              <Document
                of={note.number}
                ask={async (client, asOf) => client.creditNoteDocument({ id: note.number, asOf })}
              />
            ),
          },
        ]}
      />
    </Section>
  );
}
