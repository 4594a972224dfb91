import { useList } from '../answers.ts';
import { Page } from '../parts/states.tsx';
import { ListTable, To } from '../parts/table.tsx';

export function Tenants() {
  const tenants = useList('tenants', {});
  return (
    <Page title="Tenants">
      <ListTable
        list={tenants}
        name="tenants"
        keyOf={({ tenantId }) => tenantId}
        empty="No tenant is registered. Register one with the command register-tenant."
        columns={[
          {
            title: 'Name',
            value: ({ name, tenantId }) => name ?? tenantId,
            show: ({ name, tenantId }) => <To path={`/tenants/${encodeURIComponent(tenantId)}`}>{name ?? tenantId}</To>,
          },
          { title: 'Id', value: ({ tenantId }) => tenantId },
          {
            title: 'Currency',
            value: ({ currency, currencies }) => [...new Set([currency, ...currencies])].join(', '),
          },
          { title: 'Time zone', value: ({ timeZone }) => timeZone },
          {
            title: 'Tax',
            value: ({ taxes }) => taxes.map(({ name, ratePercent }) => `${name} ${ratePercent} %`).join(', '),
          },
        ]}
      />
    </Page>
  );
}
