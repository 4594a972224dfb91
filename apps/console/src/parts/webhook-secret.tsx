import { Button, MultiSelect, Stack, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { errorOf } from '#domain/errors';
import { MESSAGE_TYPES } from '#domain/webhooks/message-type';
import type { Command } from '../../../../clients/typescript/ledgerline.ts';
import { useSession } from '../session.tsx';
import { useSend } from './confirmation.tsx';
import { Dialog } from './dialog.tsx';
import { changing } from './inputs.ts';
import { ShownOnce } from './shown-once.tsx';
import { Failure, Refused } from './states.tsx';

interface Closable {
  readonly close: () => void;
}

/** Registers an endpoint, and shows its secret. */
export function RegisterWebhook({ close }: Closable) {
  const [webhookId, setWebhookId] = useState('');
  const [url, setUrl] = useState('');
  const [tenantId, setTenantId] = useState('');
  const [types, setTypes] = useState<readonly string[]>([]);
  const chosen = MESSAGE_TYPES.filter((type) => types.includes(type));
  return (
    <NewSecret
      title="Register a webhook"
      button="Register"
      done="The endpoint is registered"
      close={close}
      webhookId={webhookId.trim()}
      command={{
        ...{ command: 'register-webhook', webhookId: webhookId.trim(), url: url.trim() },
        ...(chosen.length === 0 ? {} : { types: chosen }),
        ...(tenantId.trim() === '' ? {} : { tenantId: tenantId.trim() }),
      }}
    >
      <TextInput label="Name of the endpoint" required value={webhookId} onChange={changing(setWebhookId)} />
      <TextInput
        label="Address (https)"
        description="The log keeps it: put no secret into it."
        required
        value={url}
        onChange={changing(setUrl)}
      />
      <MultiSelect
        label="Messages (empty: all)"
        searchable
        data={[...MESSAGE_TYPES]}
        value={[...types]}
        onChange={setTypes}
      />
      <TextInput label="Tenant (empty: all)" value={tenantId} onChange={changing(setTenantId)} />
    </NewSecret>
  );
}

/** Gives an endpoint a new secret, and shows it. */
export function RotateSecret({ webhookId, close }: Closable & { readonly webhookId: string }) {
  const [reason, setReason] = useState('');
  return (
    <NewSecret
      title={`Rotate the secret of ${webhookId}`}
      button="Rotate"
      done="The endpoint has a new secret"
      close={close}
      webhookId={webhookId}
      command={{ command: 'rotate-webhook-secret', webhookId, reason: reason.trim() }}
    >
      <TextInput
        label="Reason"
        description="For a day, messages are also signed with the secret before it."
        required
        value={reason}
        onChange={changing(setReason)}
      />
    </NewSecret>
  );
}

/** Sends a command after which an endpoint has a new secret. */
function NewSecret({
  title,
  button,
  done,
  close,
  webhookId,
  command,
  children,
}: Closable & {
  readonly title: string;
  readonly button: string;
  readonly done: string;
  readonly webhookId: string;
  readonly command: Command;
  readonly children: ReactNode;
}) {
  const { client } = useSession();
  const send = useSend();
  const [secret, setSecret] = useState<string | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const [isSending, setIsSending] = useState(false);
  const carryOut = async (): Promise<void> => {
    setIsSending(true);
    try {
      if ((await send(command)).status === 'unchanged')
        throw new Refused('The same was recorded before, so nothing changed. State something else.');
      setSecret((await client.webhookSecret({ webhookId })).secret);
    } catch (error) {
      setFailure(errorOf(error));
    }
    setIsSending(false);
  };
  return (
    <Dialog close={close} title={title}>
      {secret === null ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void carryOut();
          }}
        >
          <Stack>
            {children}
            {failure !== null && <Failure error={failure} />}
            <Button type="submit" loading={isSending}>
              {button}
            </Button>
          </Stack>
        </form>
      ) : (
        <Stack>
          <ShownOnce
            title={done}
            advice="Copy it into the receiver now. The console does not show it again; the query webhook-secret does."
            label={`Secret of ${webhookId}`}
            value={secret}
          />
        </Stack>
      )}
    </Dialog>
  );
}
