import { Select } from '@mantine/core';
import { useState } from 'react';
import { useAnswer } from '../answers.ts';

/** So many are offered. A longer text finds the others. */
const OFFERED = 50;

interface Choice {
  readonly value: string;
  readonly label: string;
}

interface Chosen {
  readonly label: string;
  readonly placeholder?: string;
  /** Empty: none. */
  readonly value: string;
  readonly set: (value: string) => void;
  /** Whether none may be chosen. Default: no. */
  readonly isOptional?: boolean;
}

/** Offers what is found by what is typed. `chosen`: what is chosen, once it is known. */
function Chooser({
  found,
  chosen,
  search,
  setSearch,
  set,
  isOptional = false,
  ...field
}: Omit<Chosen, 'value'> & {
  readonly found: readonly Choice[];
  readonly chosen: Choice | null;
  readonly search: string;
  readonly setSearch: (text: string) => void;
}) {
  const isFound = chosen === null || found.some(({ value }) => value === chosen.value);
  return (
    <Select
      {...field}
      searchable
      clearable={isOptional}
      allowDeselect={isOptional}
      data={isFound ? [...found] : [chosen, ...found]}
      // The API has searched already.
      filter={({ options }) => options}
      value={chosen?.value ?? null}
      searchValue={search}
      onSearchChange={setSearch}
      nothingFoundMessage="Nothing is called so"
      onChange={(next) => {
        set(next ?? '');
      }}
    />
  );
}

/** What is asked for: nothing of it where the text is what is chosen already. */
const searchOf = (text: string, chosen: Choice | null): { readonly search?: string } => {
  const search = text.trim();
  return search === '' || search === chosen?.label ? {} : { search };
};

const tenantChoice = ({ tenantId, name }: { readonly tenantId: string; readonly name: string | null }): Choice => ({
  value: tenantId,
  // The id tells tenants of one name apart.
  label: name === null ? tenantId : `${name} (${tenantId})`,
});

const deploymentChoice = ({
  deploymentId,
  name,
}: {
  readonly deploymentId: string;
  readonly name: string;
}): Choice => ({
  value: deploymentId,
  label: name === deploymentId ? name : `${name} (${deploymentId})`,
});

/** A tenant, found by a part of its name or id. */
export function TenantChooser({ value, ...field }: Chosen) {
  const [search, setSearch] = useState('');
  const named = useAnswer('tenants', value === '' ? null : { tenantIds: [value] });
  const [own] = named.data?.items ?? [];
  const chosen = value === '' ? null : tenantChoice(own ?? { tenantId: value, name: null });
  const found = useAnswer('tenants', { ...searchOf(search, chosen), limit: OFFERED }, { grows: true });
  return (
    <Chooser
      {...field}
      chosen={chosen}
      found={(found.data?.items ?? []).map(tenantChoice)}
      search={search}
      setSearch={setSearch}
    />
  );
}

/** A deployment, found by a part of its id or name. `tenantId`: only one that is or was of this tenant. */
export function DeploymentChooser({ value, tenantId, ...field }: Chosen & { readonly tenantId: string | undefined }) {
  const [search, setSearch] = useState('');
  const named = useAnswer('deployments', value === '' ? null : { deploymentIds: [value] });
  const [own] = named.data?.items ?? [];
  const chosen = value === '' ? null : deploymentChoice(own ?? { deploymentId: value, name: value });
  const found = useAnswer('deployments', { ...searchOf(search, chosen), tenantId, limit: OFFERED }, { grows: true });
  return (
    <Chooser
      {...field}
      chosen={chosen}
      found={(found.data?.items ?? []).map(deploymentChoice)}
      search={search}
      setSearch={setSearch}
    />
  );
}
