import { Button, Checkbox, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { CostSharing, SharedCost } from '../../../../../clients/typescript/ledgerline.ts';
import { useAnswer, useList } from '../../answers.ts';
import { monthOf, monthText, quantityText } from '../../formats.ts';
import { useMoment, useParam } from '../../moment.ts';
import { correctionColumn, type FactChange, useFactChange, withdrawalOf } from '../../parts/change-fact.tsx';
import { Money, Section } from '../../parts/states.tsx';
import { DataTable, IN_FORCE, ListTable } from '../../parts/table.tsx';
import { useMay } from '../../session.tsx';
import { useTenants } from '../../tenants.ts';
import { type Shown, withoutDeployments } from './figures.tsx';
import { METHODS } from './methods.ts';
import { SetSharing } from './set-sharing.tsx';
import { DEPLOYMENT } from '../../parts/named.tsx';

/** The policies that share cost among tenants, and what each of them shares in a month. */
export function SharedCosts({ month, currency }: Shown) {
  const { asOf } = useMoment();
  const mayWrite = useMay('platform_admin') && asOf === undefined;
  const policies = useList('costSharing', {});
  const margin = useAnswer('margin', withoutDeployments({ month, currency }));
  const [all, setAll] = useParam('all', 'no');
  const [asked, setAsked] = useState<{ readonly of: CostSharing | null } | null>(null);
  const { ask, dialog } = useFactChange();
  const [start, end] = [`${month}-01T00:00:00Z`, `${monthOf(new Date(`${month}-01T00:00:00Z`), 1)}-01T00:00:00Z`];
  const isInForce = ({ effectiveFrom, effectiveUntil }: CostSharing): boolean =>
    effectiveFrom < end && (effectiveUntil === null || effectiveUntil > start);
  const sharedBy = ({ policyId, effectiveFrom }: CostSharing): SharedCost | undefined =>
    margin.data?.shared.find((each) => each.policyId === policyId && each.effectiveFrom === effectiveFrom);
  return (
    <Section title="Shared cost">
      <Stack>
        <Text size="sm">
          A policy says which cost is shared among tenants, and how. Of several that match a cost, the first by name
          shares it.
        </Text>
        <Group justify="space-between">
          <Checkbox
            label={`Also policies that are not in force in ${monthText(month)}`}
            checked={all === 'yes'}
            onChange={({ currentTarget }) => {
              setAll(currentTarget.checked ? 'yes' : 'no');
            }}
          />
          {mayWrite && (
            <Button
              onClick={() => {
                setAsked({ of: null });
              }}
            >
              Set a policy
            </Button>
          )}
        </Group>
        <ListTable
          name="policies of shared cost"
          list={policies}
          only={(policy) => all === 'yes' || isInForce(policy)}
          keyOf={({ policyId, effectiveFrom }) => `${policyId} from ${effectiveFrom}`}
          inner={(policy) => <Parts of={sharedBy(policy)} month={month} currency={currency} />}
          empty={
            `No policy is in force in ${monthText(month)}: all cost is direct, or of no tenant.` +
            (mayWrite ? ' Set one to share it.' : '')
          }
          columns={[
            { title: 'Policy', value: ({ policyId }) => policyId },
            { title: 'Costs', value: costsText },
            { title: 'Method', value: methodText },
            IN_FORCE,
            { title: `Shared in ${month}`, value: (policy) => sharedBy(policy)?.amount ?? null, currency },
            ...(mayWrite
              ? [
                  correctionColumn(({ policyId, effectiveFrom }: CostSharing) => `${policyId} from ${effectiveFrom}`, {
                    correct: (of) => {
                      setAsked({ of });
                    },
                    withdraw: (policy) => {
                      ask(policyWithdrawal(policy, { month, currency }));
                    },
                  }),
                ]
              : []),
          ]}
        />
        {dialog}
        {asked !== null && (
          <SetSharing
            of={asked.of}
            month={month}
            currency={currency}
            close={() => {
              setAsked(null);
            }}
          />
        )}
      </Stack>
    </Section>
  );
}

const policyWithdrawal = ({ policyId, effectiveFrom }: CostSharing, margin: Shown): FactChange =>
  withdrawalOf(
    'set-cost-sharing',
    { policyId, effectiveFrom },
    {
      ...{ noun: 'policy', named: `the policy ${policyId}`, margin },
      recorded: 'The policy is withdrawn. The margins of its months are computed without it from now on.',
    },
  );

/** `provider do, kind droplet`: all that is given must match. */
function costsText({ costs: { provider, kind, tag, unattributed } }: CostSharing): string {
  return [
    ...(provider === undefined ? [] : [`provider ${provider}`]),
    ...(kind === undefined ? [] : [`kind ${kind}`]),
    ...(tag === undefined ? [] : [`tag ${tag.key}=${tag.value}`]),
    ...(unattributed === true ? ['cost of no tenant'] : []),
  ].join(', ');
}

function methodText({ method, billingKind, capacity, weights }: CostSharing): string {
  const used = billingKind !== null && capacity !== null ? `${billingKind}, of ${capacity} a month` : billingKind;
  const of = weights?.map(({ tenantId, percent }) => `${tenantId} ${percent} %`).join(', ') ?? used;
  return of === null ? METHODS[method] : `${METHODS[method]}: ${of}`;
}

const FALLBACKS = {
  even: 'The basis was 0 in this month, so it is shared evenly.',
  unattributed: 'No tenant had a deployment in this month, so nobody bears it.',
} as const;

/** What each tenant and deployment bears of a policy's cost. */
function Parts({ of, month, currency }: Shown & { readonly of: SharedCost | undefined }) {
  const { nameOf } = useTenants();
  if (of === undefined) return <Text c="dimmed">{`It shares no cost of ${monthText(month)} in ${currency}.`}</Text>;
  return (
    <Stack gap="xs">
      <Text size="sm">
        <Money amount={of.amount} currency={currency} />
        {` by a basis of ${quantityText(of.basis)}. ${of.fallback === null ? '' : FALLBACKS[of.fallback]}`}
      </Text>
      {of.pool !== null && (
        <Text size="sm">
          {'The pool costs '}
          <Money amount={of.pool.cost} currency={currency} />
          {` for a capacity of ${quantityText(of.pool.capacity)}. ${quantityText(of.pool.sold)} are sold. Idle: `}
          <Money amount={of.pool.remainder} currency={currency} />.
        </Text>
      )}
      <DataTable
        name={`parts of ${of.policyId}`}
        rows={of.parts}
        keyOf={({ tenantId, deploymentId }) => JSON.stringify([tenantId, deploymentId])}
        empty="Nobody bears a part of it."
        columns={[
          { title: 'Tenant', value: ({ tenantId }) => (tenantId === null ? 'None' : nameOf(tenantId)) },
          { title: 'Id', value: ({ tenantId }) => tenantId },
          DEPLOYMENT,
          { title: 'Basis', value: ({ basis }) => basis, show: ({ basis }) => quantityText(basis), isNumber: true },
          { title: 'Shared cost', value: ({ amount }) => amount, currency },
        ]}
      />
    </Stack>
  );
}
