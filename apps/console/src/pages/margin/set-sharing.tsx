import {
  Alert,
  Autocomplete,
  Button,
  Checkbox,
  Group,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import type { CostSharing, SharingPreview } from '../../../../../clients/typescript/ledgerline.ts';
import { useAnswer } from '../../answers.ts';
import { useSend } from '../../parts/confirmation.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { changing } from '../../parts/inputs.ts';
import { Failure } from '../../parts/states.tsx';
import { useSession } from '../../session.tsx';
import type { Shown } from './figures.tsx';
import { METHODS, type Method } from './methods.ts';
import { SharingChanges } from './sharing-changes.tsx';
import { termsOf, type Typed, typedOf, type Weight } from './sharing-terms.ts';

type Step =
  | { readonly is: 'asked'; readonly failure: Error | null }
  | { readonly is: 'working' }
  | { readonly is: 'previewed'; readonly preview: SharingPreview; readonly failure: Error | null }
  | { readonly is: 'done'; readonly status: string };

const METHOD_NAMES = Object.keys(METHODS) as Method[];

interface Asked extends Shown {
  /** The policy that is corrected. null: one is set. */
  readonly of: CostSharing | null;
  readonly close: () => void;
}

/** A policy is set or corrected in three steps: its terms, what they would change in money, and then why. */
export function SetSharing({ of, month, currency, close }: Asked) {
  const { client } = useSession();
  const send = useSend();
  const [typed, setTyped] = useState(() => typedOf(of, month));
  const [step, setStep] = useState<Step>({ is: 'asked', failure: null });
  const [reason, setReason] = useState('');
  /** What was previewed is what is applied: other terms are previewed first. */
  const type = (change: Partial<Typed>): void => {
    setTyped({ ...typed, ...change });
    setStep({ is: 'asked', failure: null });
  };
  const look = async (): Promise<void> => {
    setStep({ is: 'working' });
    try {
      const preview = await client.costSharingPreview({ ...termsOf(typed), currency });
      setStep({ is: 'previewed', preview, failure: null });
    } catch (error) {
      setStep({ is: 'asked', failure: errorOf(error) });
    }
  };
  const apply = async (preview: SharingPreview): Promise<void> => {
    setStep({ is: 'working' });
    try {
      const command = of === null ? ('set-cost-sharing' as const) : ('correct-cost-sharing' as const);
      setStep({ is: 'done', status: await send({ command, ...termsOf(typed), reason: reason.trim() }) });
    } catch (error) {
      setStep({ is: 'previewed', preview, failure: errorOf(error) });
    }
  };
  return (
    <Dialog close={close} title={of === null ? 'Set a policy of shared cost' : `Correct ${of.policyId}`} size="xl">
      <Stack>
        <Terms typed={typed} type={type} isNew={of === null} month={month} currency={currency} />
        {step.is === 'asked' && step.failure !== null && <Failure error={step.failure} />}
        {step.is === 'previewed' && (
          <>
            <SharingChanges of={step.preview} />
            {step.failure !== null && <Failure error={step.failure} />}
            <TextInput label="Reason" required value={reason} onChange={changing(setReason)} />
          </>
        )}
        {step.is === 'done' ? (
          <Alert color="green" title={step.status} role="status">
            The policy is recorded. The margins of its months are computed with it from now on.
          </Alert>
        ) : (
          <Group>
            <Button variant="default" loading={step.is === 'working'} onClick={() => void look()}>
              Preview in money
            </Button>
            {step.is === 'previewed' && (
              <Button disabled={reason.trim() === ''} onClick={() => void apply(step.preview)}>
                Apply
              </Button>
            )}
          </Group>
        )}
      </Stack>
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
  const { data } = useAnswer('margin', { period: month, currency });
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
        <Autocomplete
          label="Billing kind whose quantities count"
          data={(data?.byKind.revenue ?? []).map(({ billingKind }) => billingKind)}
          value={typed.billingKind}
          onChange={(billingKind) => {
            type({ billingKind });
          }}
        />
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

/** As many tenants as are shown to choose from at once. Others are found by typing. */
const MOST_CHOICES = 100;

function Weights({
  weights,
  set,
}: {
  readonly weights: readonly Weight[];
  readonly set: (weights: readonly Weight[]) => void;
}) {
  const { data } = useAnswer('tenants', { limit: 10_000 });
  const change = (index: number, to: Partial<Weight>): void => {
    set(weights.map((each, at) => (at === index ? { ...each, ...to } : each)));
  };
  return (
    <Stack gap="xs">
      <Text size="sm">All percentages must come to 100.</Text>
      {weights.map(({ tenantId, percent }, index) => (
        <Group key={index} gap="xs" align="end">
          <Select
            label={`Tenant ${index + 1}`}
            searchable
            limit={MOST_CHOICES}
            data={(data?.items ?? []).map((each) => ({
              value: each.tenantId,
              label: `${each.name} (${each.tenantId})`,
            }))}
            value={tenantId === '' ? null : tenantId}
            nothingFoundMessage="No tenant is called so"
            onChange={(next) => {
              change(index, { tenantId: next ?? '' });
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
