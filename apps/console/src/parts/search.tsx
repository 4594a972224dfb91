import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import { isUuid } from '#domain/uuid';
import { LedgerlineProblem } from '../../../../clients/typescript/runtime.ts';
import { isEventPosition, useGo } from '../moment.ts';
import { keyIn, keyText } from '../prices.ts';
import { useSession } from '../session.tsx';

/** Nothing has this name. Any other error is thrown. */
function noneIfUnknown(error: unknown): { readonly items: readonly { readonly tenantId: string | null }[] } {
  if (error instanceof LedgerlineProblem && error.status === NOT_FOUND) return { items: [] };
  throw error;
}

const NOT_FOUND = 404;

/** Opens an invoice by its number, a tenant by a part of its name, a rate, an event by its position, all else by id. */
export function Search() {
  const { client, tenantId } = useSession();
  const go = useGo();
  const [text, setText] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const rateOf = async (wanted: string): Promise<string | undefined> => {
    const key = keyIn(wanted);
    if (key === undefined) return undefined;
    const { items } = await client.rates({ ...key, limit: 1 });
    const [found] = items;
    return found === undefined ? undefined : `/rates?key=${encodeURIComponent(keyText(found))}`;
  };
  /** The usage of the deployment that a resource is in, or its tenant. */
  const resourceOf = async (wanted: string): Promise<string | undefined> => {
    const [found] = (await client.resources({ providerId: wanted, limit: 1 })).items;
    if (found === undefined) return undefined;
    const { deploymentId, tenantId: holder } = found;
    if (deploymentId !== null) return `/usage?deployment=${encodeURIComponent(deploymentId)}`;
    return holder === null ? undefined : `/tenants/${encodeURIComponent(holder)}`;
  };
  /** A tenant, the tenant of a deployment, or where a resource is. */
  const thingOf = async (wanted: string): Promise<string | undefined> => {
    const tenants = await client.tenants({ tenantId: wanted }).catch(noneIfUnknown);
    if (tenants.items.length > 0) return `/tenants/${encodeURIComponent(wanted)}`;
    const deployments = await client.deployments({ deploymentId: wanted }).catch(noneIfUnknown);
    const owner = deployments.items[0]?.tenantId;
    if (owner !== undefined && owner !== null) return `/tenants/${encodeURIComponent(owner)}`;
    return resourceOf(wanted);
  };
  const search = async (wanted: string): Promise<string> => {
    if (/^INV-\d+$/i.test(wanted)) return `/invoices/${wanted.toUpperCase()}`;
    // Ids are free text: what looks like a position, or like an id of the ledger, may be the id of a tenant.
    if (isUuid(wanted) || (tenantId === null && isEventPosition(wanted)))
      return (tenantId === null ? await thingOf(wanted) : undefined) ?? `/explain/${wanted}`;
    const rate = await rateOf(wanted);
    if (rate !== undefined) return rate;
    if (tenantId === null) {
      const thing = await thingOf(wanted);
      if (thing !== undefined) return thing;
      const [named] = (await client.tenants({ limit: 1, name: wanted })).items;
      if (named !== undefined) return `/tenants/${encodeURIComponent(named.tenantId)}`;
      const [found, ...others] = (await client.tenants({ limit: 2, search: wanted })).items;
      if (found !== undefined)
        return others.length === 0
          ? `/tenants/${encodeURIComponent(found.tenantId)}`
          : `/tenants?search=${encodeURIComponent(wanted)}`;
    }
    throw new Error(
      `Nothing is called ${wanted}. Search by tenant, deployment, resource, rate, invoice number, id, or log position.`,
    );
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
        placeholder="Tenant, invoice, rate, event"
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
