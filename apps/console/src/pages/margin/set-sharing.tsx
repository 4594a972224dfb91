import { Autocomplete, Button, Checkbox, Group, Select, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { CostSharing } from '../../../../../clients/typescript/ledgerline.ts';
import { useAnswer } from '../../answers.ts';
import { useSend } from '../../parts/confirmation.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { changing } from '../../parts/inputs.ts';
import { PreviewedChange } from '../../parts/previewed-change.tsx';
import { useSession } from '../../session.tsx';
import { TenantChooser } from '../../parts/chooser.tsx';
import { type Shown, withoutDeployments } from './figures.tsx';
import { METHODS, type Method } from './methods.ts';
import { SharingChanges } from './sharing-changes.tsx';
import { termsOf, type Typed, typedOf, type Weight } from './sharing-terms.ts';

const METHOD_NAMES = Object.keys(METHODS) as Method[];

interface Asked extends Shown {
  /** The policy that is corrected. null: one is set. */
  readonly of: CostSharing | null;
  readonly close: () => void;
}

/** A policy is set or corrected after a preview. */
export function SetSharing({ of, month, currency, close }: Asked) {
  const { client } = useSession();
  const send = useSend();
  const [typed, setTyped] = useState(() => typedOf(of, month));
  const type = (change: Partial<Typed>): void => {
    setTyped({ ...typed, ...change });
  };
  return (
    <Dialog close={close} title={of === null ? 'Set a policy of shared cost' : `Correct ${of.policyId}`} size="xl">
      <PreviewedChange
        fields={<Terms typed={typed} type={type} isNew={of === null} month={month} currency={currency} />}
        stated={JSON.stringify(typed)}
        preview={async () => client.costSharingPreview({ ...termsOf(typed), currency })}
        show={(preview) => <SharingChanges of={preview} />}
        apply={async ({ position }, reason) =>
          send(
            of === null
              ? { command: 'set-cost-sharing', ...termsOf(typed), reason }
              : { command: 'correct-cost-sharing', ...termsOf(typed), reason, basedOn: position },
          )
        }
        recorded="The policy is recorded. The margins of its months are computed with it from now on."
      />
    </Dialog>
  );
}

interface TermsOf extends Shown {
  readonly typed: Typed;
  readonly type: (change: Partial<Typed>) => void;
  readonly isNew: boolean;
}

function Terms({ typed, type, isNew, month, currency }: TermsOf) {
  // Names to choose from: those of the month. Others can be typed.
  const { data } = useAnswer('margin', withoutDeployments({ month, currency }));
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label="Name of the policy"
          required
          readOnly={!isNew}
          value={typed.policyId}
          onChange={changing((policyId) => {
            type({ policyId });
          })}
        />
        <Select
          label="How it is shared"
          allowDeselect={false}
          data={METHOD_NAMES.map((value) => ({ value, label: METHODS[value] }))}
          value={typed.method}
          onChange={(method) => {
            type({ method: method ?? typed.method });
          }}
        />
      </SimpleGrid>
      {typed.method === 'usage' && (
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <Autocomplete
            label="Billing kind whose quantities count"
            data={(data?.byKind.revenue ?? []).map(({ billingKind }) => billingKind)}
            value={typed.billingKind}
            onChange={(billingKind) => {
              type({ billingKind });
            }}
          />
          <TextInput
            label="Capacity a month"
            description="The quantity that the cost pays for. What nobody used of it is idle. Empty: all is shared."
            value={typed.capacity}
            onChange={({ currentTarget }) => {
              type({ capacity: currentTarget.value });
            }}
          />
        </SimpleGrid>
      )}
      {typed.method === 'weights' && (
        <Weights
          weights={typed.weights}
          set={(weights) => {
            type({ weights });
          }}
        />
      )}
      <Text size="sm">The costs that it shares. All that you give must match.</Text>
      <Checkbox
        label="Only cost of no tenant"
        checked={typed.unattributed}
        onChange={({ currentTarget }) => {
          type({ unattributed: currentTarget.checked });
        }}
      />
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label="Provider (empty: any)"
          value={typed.provider}
          onChange={changing((provider) => {
            type({ provider });
          })}
        />
        <Autocomplete
          label="Kind of the provider (empty: any)"
          data={(data?.byKind.cogs ?? []).map(({ kind }) => kind)}
          value={typed.kind}
          onChange={(kind) => {
            type({ kind });
          }}
        />
        <TextInput
          label="Key of a tag (empty: any)"
          value={typed.tagKey}
          onChange={changing((tagKey) => {
            type({ tagKey });
          })}
        />
        <TextInput
          label="Value of the tag"
          disabled={typed.tagKey.trim() === ''}
          value={typed.tagValue}
          onChange={changing((tagValue) => {
            type({ tagValue });
          })}
        />
        <TextInput
          label="From"
          value={typed.from}
          onChange={changing((from) => {
            type({ from });
          })}
        />
        <TextInput
          label="Until (empty: open)"
          value={typed.until}
          onChange={changing((until) => {
            type({ until });
          })}
        />
      </SimpleGrid>
    </>
  );
}

function Weights({
  weights,
  set,
}: {
  readonly weights: readonly Weight[];
  readonly set: (weights: readonly Weight[]) => void;
}) {
  const change = (index: number, to: Partial<Weight>): void => {
    set(weights.map((each, at) => (at === index ? { ...each, ...to } : each)));
  };
  return (
    <Stack gap="xs">
      <Text size="sm">All percentages must come to 100.</Text>
      {weights.map(({ tenantId, percent }, index) => (
        <Group key={index} gap="xs" align="end">
          <TenantChooser
            label={`Tenant ${index + 1}`}
            value={tenantId}
            set={(next) => {
              change(index, { tenantId: next });
            }}
          />
          <TextInput
            label={`Percent ${index + 1}`}
            w="7rem"
            value={percent}
            onChange={changing((next) => {
              change(index, { percent: next });
            })}
          />
          {weights.length > 1 && (
            <Button
              variant="default"
              aria-label={`Remove tenant ${index + 1}`}
              onClick={() => {
                set(weights.filter((_, at) => at !== index));
              }}
            >
              Remove
            </Button>
          )}
        </Group>
      ))}
      <Group>
        <Button
          variant="default"
          size="xs"
          onClick={() => {
            set([...weights, { tenantId: '', percent: '' }]);
          }}
        >
          Add a tenant
        </Button>
      </Group>
    </Stack>
  );
}
