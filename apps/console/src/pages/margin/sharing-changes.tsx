import { Text } from '@mantine/core';
import { decimal, sum, text, ZERO } from '#domain/money/decimal';
import type { SharingMargin, SharingPreview } from '../../../../../clients/typescript/ledgerline.ts';
import { monthText } from '../../formats.ts';
import { DataTable } from '../../parts/table.tsx';
import { useTenants } from '../../tenants.ts';

/** What a tenant bears of shared cost, and its margin, without and with the terms. */
interface Change {
  readonly tenantId: string;
  readonly sharedBefore: string;
  readonly sharedAfter: string;
  readonly before: string;
  readonly after: string;
  readonly difference: string;
}

/** What the terms of a policy would change: by month, and by tenant over all months. */
export function SharingChanges({ of: { currency, months } }: { readonly of: SharingPreview }) {
  const first = months[0]?.month;
  const last = months.at(-1)?.month;
  if (first === undefined || last === undefined) return null;
  const span = first === last ? monthText(first) : `${monthText(first)} to ${monthText(last)}`;
  return (
    <>
      <Text fw={600}>{`Margins of ${span}, before and after`}</Text>
      <DataTable
        name="preview of shared cost by month"
        rows={months}
        keyOf={({ month }) => month}
        empty=""
        isPlain
        inner={({ month, before, after }) => (
          <Tenants name={`preview of ${month}`} currency={currency} changes={changesOf([{ before, after }])} />
        )}
        columns={[
          { title: 'Month', value: ({ month }) => month },
          { title: 'Shared before', value: ({ before }) => before.overall.sharedCogs, currency },
          { title: 'Shared after', value: ({ after }) => after.overall.sharedCogs, currency },
          { title: 'Of no tenant before', value: ({ before }) => before.unattributed.cogs, currency },
          { title: 'Of no tenant after', value: ({ after }) => after.unattributed.cogs, currency },
        ]}
      />
      <Tenants name="preview by tenant" currency={currency} changes={changesOf(months)} />
    </>
  );
}

function Tenants({
  name,
  currency,
  changes,
}: {
  readonly name: string;
  readonly currency: string;
  readonly changes: readonly Change[];
}) {
  const { nameOf } = useTenants();
  return (
    <DataTable
      name={name}
      rows={changes}
      keyOf={({ tenantId }) => tenantId}
      empty="The margin of no tenant changes."
      columns={[
        { title: 'Tenant', value: ({ tenantId }) => nameOf(tenantId) },
        { title: 'Id', value: ({ tenantId }) => tenantId },
        { title: 'Shared before', value: ({ sharedBefore }) => sharedBefore, currency },
        { title: 'Shared after', value: ({ sharedAfter }) => sharedAfter, currency },
        { title: 'Margin before', value: ({ before }) => before, currency },
        { title: 'Margin after', value: ({ after }) => after, currency },
        { title: 'Difference', value: ({ difference }) => difference, currency },
      ]}
    />
  );
}

type Sides = readonly { readonly before: SharingMargin; readonly after: SharingMargin }[];

/** The tenants whose margin changes, over all months. */
function changesOf(months: Sides): Change[] {
  const without = totalsOf(months.map(({ before }) => before));
  const withThem = totalsOf(months.map(({ after }) => after));
  return [...new Set([...without.keys(), ...withThem.keys()])].sort().flatMap((tenantId) => {
    const [before, after] = [without.get(tenantId) ?? NOTHING, withThem.get(tenantId) ?? NOTHING];
    if (before.margin.eq(after.margin)) return [];
    return [
      {
        tenantId,
        sharedBefore: text(before.shared),
        sharedAfter: text(after.shared),
        before: text(before.margin),
        after: text(after.margin),
        difference: text(after.margin.minus(before.margin)),
      },
    ];
  });
}

const NOTHING = { margin: ZERO, shared: ZERO };

/** The margin and the shared cost of each tenant over all months. */
function totalsOf(months: readonly SharingMargin[]): ReadonlyMap<string, typeof NOTHING> {
  const byTenant = Map.groupBy(
    months.flatMap((month) => month.byTenant),
    ({ tenantId }) => tenantId,
  );
  return new Map(
    [...byTenant].map(([tenantId, of]) => [
      tenantId,
      {
        margin: sum(of.map(({ margin }) => decimal(margin))),
        shared: sum(of.map(({ sharedCogs }) => decimal(sharedCogs))),
      },
    ]),
  );
}
