import { Select } from '@mantine/core';
import { useList } from '../answers.ts';
import { useChoice } from '../moment.ts';
import { Money, Page, Status, When } from '../parts/states.tsx';
import { ListTable, To } from '../parts/table.tsx';
import { useSession } from '../session.tsx';
import { useTenants } from '../tenants.ts';

/** All rows of these are read, for taxes and totals. */
const AT_ONCE = 100;

const STATUSES = ['draft', 'issued', 'paid', 'void'] as const;

export function Invoices() {
  const [status, setStatus] = useChoice('status', ['', ...STATUSES], '');
  return (
    <Page
      title="Invoices"
      aside={
        <Select
          aria-label="Status"
          placeholder="All statuses"
          clearable
          data={[...STATUSES]}
          value={status === '' ? null : status}
          onChange={(value) => {
            setStatus(value ?? '');
          }}
        />
      }
    >
      <InvoiceList status={status === '' ? undefined : status} />
    </Page>
  );
}

/** Of one tenant, or of all that the signed-in role may see. */
export function InvoiceList({
  tenantId,
  status,
}: {
  readonly tenantId?: string;
  readonly status?: (typeof STATUSES)[number] | undefined;
}) {
  const own = useSession().tenantId;
  const { nameOf, zoneOf } = useTenants(tenantId);
  const invoices = useList('invoices', { tenantId, status, withoutLines: 'true' }, AT_ONCE);
  return (
    <ListTable
      list={invoices}
      name="invoices"
      keyOf={({ invoiceId }) => invoiceId}
      empty="There is no invoice. Create one with the command create-invoice, or run ledgerline invoice."
      columns={[
        {
          title: 'Number',
          value: ({ number, invoiceId }) => number ?? invoiceId.slice(0, 8),
          show: ({ number, invoiceId }) => (
            <To path={`/invoices/${number ?? invoiceId}`}>{number ?? `draft ${invoiceId.slice(0, 8)}`}</To>
          ),
        },
        ...(own === null && tenantId === undefined
          ? [
              { title: 'Tenant', value: (row: { readonly tenantId: string }) => nameOf(row.tenantId) },
              { title: 'Tenant id', value: (row: { readonly tenantId: string }) => row.tenantId },
            ]
          : []),
        { title: 'Status', value: (row) => row.status, show: (row) => <Status of={row.status} /> },
        {
          title: 'As of',
          value: ({ asOf }) => asOf,
          show: (each) => <When at={each.asOf} timeZone={zoneOf(each.tenantId)} />,
        },
        {
          title: 'Issued',
          value: ({ issuedAt }) => issuedAt,
          show: (each) => <When at={each.issuedAt} timeZone={zoneOf(each.tenantId)} />,
        },
        {
          title: 'Total',
          value: ({ total }) => total,
          show: ({ total, currency }) => <Money amount={total} currency={currency} />,
          isNumber: true,
        },
        {
          title: 'Due',
          value: ({ amountDue }) => amountDue,
          show: ({ amountDue, currency }) => <Money amount={amountDue} currency={currency} />,
          isNumber: true,
        },
      ]}
    />
  );
}
