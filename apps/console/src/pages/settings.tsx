import { Button, Group, Text } from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import type { Command, Proposal, Token, Webhook } from '../../../../clients/typescript/ledgerline.ts';
import { useList } from '../answers.ts';
import { instantText } from '../formats.ts';
import { changeColumn, type RowAction } from '../parts/change-fact.tsx';
import { type Action, useConfirmation, useSend } from '../parts/confirmation.tsx';
import { Failure, Page, Section, Status, When } from '../parts/states.tsx';
import { ListTable } from '../parts/table.tsx';
import { IssueToken } from '../parts/issue-token.tsx';
import { RegisterWebhook, RotateSecret } from '../parts/webhook-secret.tsx';
import { useMay, useSession } from '../session.tsx';

export function Settings() {
  const { actor, role, tenantId, expires } = useSession();
  return (
    <Page title="Settings">
      <Section title="Signed in">
        <Text>
          {`${actor}, ${role}${tenantId === null ? '' : ` of ${tenantId}`}`}
          {expires === null ? '' : `, until ${instantText(new Date(expires * 1000).toISOString())} UTC`}
        </Text>
      </Section>
      {useMay('platform_admin', 'operator', 'auditor') && (
        <Section title="Proposals">
          <Proposals />
        </Section>
      )}
      {useMay('platform_admin') && (
        <Section title="Tokens">
          <Tokens />
        </Section>
      )}
      {useMay('platform_admin') && (
        <Section title="Webhooks">
          <Webhooks />
        </Section>
      )}
    </Page>
  );
}

/** Carries out one command of a row, and says why it is refused. */
function useAct(): { readonly failure: Error | null; readonly act: (command: Command) => void } {
  const send = useSend();
  const [failure, setFailure] = useState<Error | null>(null);
  return {
    failure,
    act(command) {
      send(command).then(
        () => {
          setFailure(null);
        },
        (error: unknown) => {
          setFailure(errorOf(error));
        },
      );
    },
  };
}

function Proposals() {
  const proposals = useList('proposals', {});
  const mayDecide = useMay('platform_admin', 'operator');
  const { actor } = useSession();
  const { failure, act } = useAct();
  const decisions = ({ proposalId, status, proposedBy }: Proposal) =>
    status !== 'open' || !mayDecide ? null : proposedBy === actor ? (
      'someone else decides'
    ) : (
      <Group gap="xs">
        <Button
          size="compact-xs"
          onClick={() => {
            act({ command: 'approve-proposal', proposalId });
          }}
        >
          Approve
        </Button>
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => {
            act({ command: 'reject-proposal', proposalId, reason: 'rejected in the console' });
          }}
        >
          Reject
        </Button>
      </Group>
    );
  return (
    <>
      {failure !== null && <Failure error={failure} />}
      <ListTable
        list={proposals}
        name="proposals"
        keyOf={({ proposalId }) => proposalId}
        empty="No change waits for a second person."
        columns={[
          { title: 'Command', value: ({ command }) => command },
          {
            title: 'Amount',
            value: ({ amounts }) => amounts.map(({ amount, currency }) => `${amount} ${currency}`).join(', '),
          },
          { title: 'Proposed by', value: ({ proposedBy }) => proposedBy },
          { title: 'Status', value: ({ status }) => status, show: ({ status }) => <Status of={status} /> },
          {
            title: 'Decision',
            value: ({ decidedBy }) => decidedBy,
            show: (each) => decisions(each) ?? each.decidedBy,
          },
        ]}
      />
    </>
  );
}

function Tokens() {
  const tokens = useList('tokens', {});
  const { failure, act } = useAct();
  const [isIssuing, setIsIssuing] = useState(false);
  const revocation = ({ tokenId, revokedAt }: Token) =>
    revokedAt === null ? (
      <Button
        size="compact-xs"
        variant="default"
        onClick={() => {
          act({ command: 'revoke-token', tokenId, reason: 'revoked in the console' });
        }}
      >
        Revoke
      </Button>
    ) : (
      <When at={revokedAt} />
    );
  return (
    <>
      <Button
        mb="sm"
        onClick={() => {
          setIsIssuing(true);
        }}
      >
        Issue a token
      </Button>
      {isIssuing && (
        <IssueToken
          close={() => {
            setIsIssuing(false);
          }}
        />
      )}
      {failure !== null && <Failure error={failure} />}
      <ListTable
        list={tokens}
        name="tokens"
        keyOf={({ tokenId }) => tokenId}
        empty="No token was issued."
        columns={[
          { title: 'Id', value: ({ tokenId }) => tokenId },
          { title: 'Actor', value: ({ actor }) => actor },
          { title: 'Role', value: ({ role }) => role },
          { title: 'Tenant', value: ({ tenantId }) => tenantId },
          {
            title: 'Expires',
            value: ({ expiresAt }) => expiresAt,
            show: ({ expiresAt }) => <When at={expiresAt} />,
          },
          { title: 'Revoked', value: ({ revokedAt }) => revokedAt, show: revocation },
        ]}
      />
    </>
  );
}

/** The endpoints that receive messages. */
function Webhooks() {
  const webhooks = useList('webhooks', {});
  const { failure, act } = useAct();
  const { ask, confirmation } = useConfirmation();
  const [isRegistering, setIsRegistering] = useState(false);
  const [rotated, setRotated] = useState<string | null>(null);
  const actionsOf = ({ webhookId, state }: Webhook): readonly RowAction[] => [
    state === 'active'
      ? [
          'Pause',
          () => {
            act({ command: 'pause-webhook', webhookId, reason: 'paused in the console' });
          },
        ]
      : [
          'Resume',
          () => {
            act({ command: 'resume-webhook', webhookId, reason: 'resumed in the console' });
          },
        ],
    [
      'Rotate secret',
      () => {
        setRotated(webhookId);
      },
    ],
    [
      'Remove',
      () => {
        ask(removalOf(webhookId));
      },
    ],
  ];
  return (
    <>
      <Button
        mb="sm"
        onClick={() => {
          setIsRegistering(true);
        }}
      >
        Register a webhook
      </Button>
      {isRegistering && (
        <RegisterWebhook
          close={() => {
            setIsRegistering(false);
          }}
        />
      )}
      {rotated !== null && (
        <RotateSecret
          webhookId={rotated}
          close={() => {
            setRotated(null);
          }}
        />
      )}
      {confirmation}
      {failure !== null && <Failure error={failure} />}
      <ListTable
        list={webhooks}
        name="webhooks"
        keyOf={({ webhookId }) => webhookId}
        empty="No endpoint receives messages."
        columns={[
          { title: 'Id', value: ({ webhookId }) => webhookId },
          { title: 'Address', value: ({ url }) => url },
          { title: 'Messages', value: ({ types }) => types?.join(', ') ?? 'all' },
          { title: 'Tenant', value: ({ tenantId }) => tenantId, show: ({ tenantId }) => tenantId ?? 'all' },
          { title: 'State', value: ({ state }) => state, show: ({ state }) => <Status of={state} /> },
          { title: 'Why', value: ({ reason }) => reason },
          {
            title: 'Registered',
            value: ({ registeredAt }) => registeredAt,
            show: ({ registeredAt }) => <When at={registeredAt} />,
          },
          changeColumn(({ webhookId }) => webhookId, actionsOf),
        ]}
      />
    </>
  );
}

const removalOf = (webhookId: string): Action => ({
  title: `Remove ${webhookId}`,
  asks: `Remove the endpoint ${webhookId}? Messages that wait are not sent. A removed endpoint stays removed.`,
  button: 'Remove',
  needsReason: true,
  commandOf: ({ reason }) => ({ command: 'remove-webhook', webhookId, reason }),
});
