import { Alert, Button, Group, Stack, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { errorOf } from '#domain/errors';
import type { Sent } from './confirmation.tsx';
import { changing } from './inputs.ts';
import { Failure, Noticed, Proposed } from './states.tsx';

type Step<Preview> =
  | { readonly is: 'asked'; readonly failure: Error | null }
  | { readonly is: 'working' }
  | { readonly is: 'previewed'; readonly preview: Preview; readonly stated: string; readonly failure: Error | null }
  | { readonly is: 'done'; readonly sent: Sent };

interface Change<Preview> {
  /** The fields in which the change is stated. */
  readonly fields: ReactNode;
  /** The same as text: what was previewed is what is applied, so other fields are previewed first. */
  readonly stated: string;
  readonly preview: () => Promise<Preview>;
  readonly show: (preview: Preview) => ReactNode;
  readonly apply: (preview: Preview, reason: string) => Promise<Sent>;
  /** What is said once it is recorded. A proposal says so by itself. */
  readonly recorded: string;
}

/** A change is recorded in three steps: what, what it would change in money, and then why. */
export function PreviewedChange<Preview>({ fields, stated, preview, show, apply, recorded }: Change<Preview>) {
  const [latest, setStep] = useState<Step<Preview>>({ is: 'asked', failure: null });
  const [reason, setReason] = useState('');
  const step: Step<Preview> =
    latest.is === 'previewed' && latest.stated !== stated ? { is: 'asked', failure: null } : latest;
  const look = async (): Promise<void> => {
    setStep({ is: 'working' });
    try {
      setStep({ is: 'previewed', preview: await preview(), stated, failure: null });
    } catch (error) {
      setStep({ is: 'asked', failure: errorOf(error) });
    }
  };
  const record = async (previewed: Preview): Promise<void> => {
    setStep({ is: 'working' });
    try {
      setStep({ is: 'done', sent: await apply(previewed, reason.trim()) });
    } catch (error) {
      setStep({ is: 'previewed', preview: previewed, stated, failure: errorOf(error) });
    }
  };
  return (
    <Stack>
      {fields}
      {step.is === 'asked' && step.failure !== null && <Failure error={step.failure} />}
      {step.is === 'previewed' && (
        <>
          {show(step.preview)}
          {step.failure !== null && <Failure error={step.failure} />}
          <TextInput label="Reason" required value={reason} onChange={changing(setReason)} />
        </>
      )}
      {step.is === 'done' && step.sent.status === 'proposed' && <Proposed />}
      {step.is === 'done' && step.sent.notice !== null && <Noticed of={step.sent} />}
      {step.is === 'done' && step.sent.status !== 'proposed' && step.sent.notice === null && (
        <Alert color="green" title={step.sent.status} role="status">
          {recorded}
        </Alert>
      )}
      {step.is !== 'done' && (
        <Group>
          <Button variant="default" loading={step.is === 'working'} onClick={() => void look()}>
            Preview in money
          </Button>
          {step.is === 'previewed' && (
            <Button disabled={reason.trim() === ''} onClick={() => void record(step.preview)}>
              Apply
            </Button>
          )}
        </Group>
      )}
    </Stack>
  );
}
