import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import { useGo } from '../moment.ts';
import { useSession } from '../session.tsx';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Opens an invoice by its number, a tenant by its id, and whatever else by its explanation. */
export function Search() {
  const { client, tenantId } = useSession();
  const go = useGo();
  const [text, setText] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const search = async (wanted: string): Promise<string> => {
    if (/^INV-\d+$/i.test(wanted)) return `/invoices/${wanted.toUpperCase()}`;
    if (UUID.test(wanted)) return `/explain/${wanted}`;
    if (tenantId === null) {
      const { items } = await client.tenants({ tenantId: wanted });
      if (items.length > 0) return `/tenants/${encodeURIComponent(wanted)}`;
      const { items: deployments } = await client.deployments({ deploymentId: wanted });
      const owner = deployments[0]?.tenantId;
      if (owner !== undefined && owner !== null) return `/tenants/${encodeURIComponent(owner)}`;
    }
    throw new Error(`Nothing is called ${wanted}. Search by tenant, deployment, invoice number, or id.`);
  };
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        search(text.trim()).then(
          (path) => {
            setFailure(null);
            go(path);
          },
          (error: unknown) => {
            setFailure(errorOf(error).message);
          },
        );
      }}
    >
      <TextInput
        size="xs"
        w={240}
        aria-label="Search"
        placeholder="Tenant, invoice number, id"
        value={text}
        error={failure}
        onChange={({ currentTarget }) => {
          setText(currentTarget.value);
          setFailure(null);
        }}
      />
    </form>
  );
}
