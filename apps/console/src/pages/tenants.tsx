import { useList } from '../answers.ts';
import { Answered, Page } from '../parts/states.tsx';
import { DataTable, To } from '../parts/table.tsx';

export function Tenants() {
  const tenants = useList('tenants', {});
  return (
    <Page title="Tenants">
      <Answered answer={tenants}>
        {(rows) => (
          <DataTable
            name="tenants"
            rows={rows}
            keyOf={({ tenantId }) => tenantId}
            empty="No tenant is registered. Register one with the command register-tenant."
            more={tenants.hasNextPage ? () => void tenants.fetchNextPage() : undefined}
            columns={[
              {
                title: 'Name',
                value: ({ name, tenantId }) => name ?? tenantId,
                show: ({ name, tenantId }) => (
                  <To path={`/tenants/${encodeURIComponent(tenantId)}`}>{name ?? tenantId}</To>
                ),
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
        )}
      </Answered>
    </Page>
  );
}
