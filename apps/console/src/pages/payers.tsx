import type { Payer } from '../../../../clients/typescript/ledgerline.ts';
import { useList } from '../answers.ts';
import { Named, TENANT } from '../parts/named.tsx';
import { During, Section } from '../parts/states.tsx';
import { ListTable } from '../parts/table.tsx';

/** To whom the invoices of a tenant are addressed, and which others it pays for, over time. */
export function Payers({ tenantId, zone }: { readonly tenantId: string; readonly zone: string }) {
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
        ]}
      />
      <ListTable
        name="paid for"
        list={others}
        keyOf={keyOf}
        empty="It pays for no other tenant."
        columns={[{ ...TENANT, title: 'Pays for' }, inForce]}
      />
    </Section>
  );
}
