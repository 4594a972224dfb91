import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Ledgerline } from '../../../../clients/typescript/ledgerline.ts';
import { useMoment } from '../moment.ts';
import { useSession } from '../session.tsx';

type Kind = 'tenant' | 'deployment';
type Names = ReadonlyMap<string, string | null>;

/** As many as one request takes. */
const MOST_IDS = 1000;

/** Names seldom change. */
const KEPT_MS = 60_000;

interface Batch {
  readonly ids: Set<string>;
  readonly names: Promise<Names>;
}

/** What is collected for the next request of each kind and moment. */
const collecting = new WeakMap<Ledgerline, Map<string, Batch>>();

async function namesOf(client: Ledgerline, kind: Kind, ids: readonly string[], asOf: string | undefined) {
  if (kind === 'tenant') {
    const { items } = await client.tenants({ tenantIds: ids, limit: MOST_IDS, asOf });
    return new Map(items.map(({ tenantId, name }) => [tenantId, name]));
  }
  const { items } = await client.deployments({ deploymentIds: ids, limit: MOST_IDS, asOf });
  return new Map(items.map(({ deploymentId, name }) => [deploymentId, name]));
}

/** The name of an id. All names that a table needs are one request. */
async function nameOf(client: Ledgerline, kind: Kind, id: string, asOf: string | undefined): Promise<string | null> {
  const batches = collecting.get(client) ?? new Map<string, Batch>();
  collecting.set(client, batches);
  const key = `${kind} ${asOf ?? ''}`;
  let batch = batches.get(key);
  if (batch === undefined || batch.ids.size >= MOST_IDS) {
    const ids = new Set<string>();
    const names = Promise.resolve().then(async () => {
      batches.delete(key);
      return namesOf(client, kind, [...ids], asOf);
    });
    batch = { ids, names };
    batches.set(key, batch);
  }
  batch.ids.add(id);
  return (await batch.names).get(id) ?? null;
}

/** An id with the name that it has at the moment of the page. */
export function Named({ kind, id }: { readonly kind: Kind; readonly id: string | null }) {
  const { client } = useSession();
  const { asOf } = useMoment();
  const { data: name } = useQuery({
    queryKey: ['name', kind, id, asOf],
    queryFn: async () => (id === null ? null : nameOf(client, kind, id, asOf)),
    enabled: id !== null,
    staleTime: KEPT_MS,
  });
  if (id === null) return '–';
  if (name === undefined || name === null || name === id) return id;
  return (
    <>
      {`${name} `}
      <Text span inherit c="dimmed">
        {id}
      </Text>
    </>
  );
}

/** The deployment of a row. It is filtered and exported by its id. */
export const DEPLOYMENT = {
  title: 'Deployment',
  value: ({ deploymentId }: { readonly deploymentId: string | null }) => deploymentId,
  show: ({ deploymentId }: { readonly deploymentId: string | null }) => <Named kind="deployment" id={deploymentId} />,
};

/** The tenant of a row. It is filtered and exported by its id. */
export const TENANT = {
  title: 'Tenant',
  value: ({ tenantId }: { readonly tenantId: string | null }) => tenantId,
  show: ({ tenantId }: { readonly tenantId: string | null }) => <Named kind="tenant" id={tenantId} />,
};
