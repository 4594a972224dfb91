import { TextInput } from '@mantine/core';
import { useList } from '../answers.ts';
import { useParam } from '../moment.ts';
import { changing } from '../parts/inputs.ts';
import { Page } from '../parts/states.tsx';
import { ListTable, To } from '../parts/table.tsx';

export function Tenants() {
  const [search, setSearch] = useParam('search', '');
  const tenants = useList('tenants', search === '' ? {} : { search });
  return (
    <Page
      title="Tenants"
      aside={
        <TextInput
          aria-label="Part of a name or an id"
          placeholder="Part of a name or an id"
          value={search}
          onChange={changing(setSearch)}
        />
      }
    >
      <ListTable
        list={tenants}
        name="tenants"
        keyOf={({ tenantId }) => tenantId}
        empty={
          search === ''
            ? 'No tenant is registered. Register one with the command register-tenant.'
            : `No tenant has ${search} in its name or id.`
        }
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
