import { Button, Group, Text } from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import type { Command, Proposal, Token, Webhook } from '../../../../clients/typescript/ledgerline.ts';
import { useList } from '../answers.ts';
import { instantText, moneyText } from '../formats.ts';
import { useMoment } from '../moment.ts';
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
          {`As ${actor}, with the role ${role}${tenantId === null ? '' : ` of ${tenantId}`}`}
          {expires === null ? '' : `. The token ends on ${instantText(new Date(expires * 1000).toISOString())} UTC`}
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

/** A command as it was given, each field with its name. */
const fieldsText = ({ fields }: Proposal): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');

const amountsText = ({ amounts }: Proposal): string =>
  amounts.map(({ amount, currency }) => moneyText(amount, currency)).join(', ');

const approvalOf = (of: Proposal): Action => ({
  title: `Approve ${of.command}`,
  asks:
    `Carry out ${of.command} over ${amountsText(of)}, which ${of.proposedBy} proposed on ` +
    `${instantText(of.proposedAt)} UTC, with ${fieldsText(of)}?`,
  button: 'Approve',
  needsReason: false,
  commandOf: () => ({ command: 'approve-proposal', proposalId: of.proposalId }),
});

const rejectionOf = (of: Proposal): Action => ({
  title: `Reject ${of.command}`,
  asks:
    `Reject ${of.command} over ${amountsText(of)}, which ${of.proposedBy} proposed? ` +
    'A rejected proposal stays rejected.',
  button: 'Reject',
  needsReason: true,
  commandOf: ({ reason }) => ({ command: 'reject-proposal', proposalId: of.proposalId, reason }),
});

function Proposals() {
  const proposals = useList('proposals', {});
  const isNow = useMoment().asOf === undefined;
  const mayDecide = useMay('platform_admin', 'operator') && isNow;
  const { actor } = useSession();
  const { ask, confirmation } = useConfirmation();
  const decisions = (of: Proposal) =>
    of.status !== 'open' || !mayDecide ? null : of.proposedBy === actor ? (
      'someone else decides'
    ) : (
      <Group gap="xs">
        <Button
          size="compact-xs"
          onClick={() => {
            ask(approvalOf(of));
          }}
        >
          Approve
        </Button>
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => {
            ask(rejectionOf(of));
          }}
        >
          Reject
        </Button>
      </Group>
    );
  return (
    <>
      {confirmation}
      <ListTable
        list={proposals}
        name="proposals"
        keyOf={({ proposalId }) => proposalId}
        empty="No change waits for a second person."
        columns={[
          { title: 'Command', value: ({ command }) => command },
          { title: 'Fields', value: fieldsText },
          { title: 'Amount', value: amountsText },
          { title: 'Proposed by', value: ({ proposedBy }) => proposedBy },
          {
            title: 'Proposed at',
            value: ({ proposedAt }) => proposedAt,
            show: ({ proposedAt }) => <When at={proposedAt} />,
          },
          { title: 'Status', value: ({ status }) => status, show: ({ status }) => <Status of={status} /> },
          {
            title: 'Decision',
            value: ({ decidedBy }) => decidedBy,
            show: (each) => decisions(each) ?? each.decidedBy ?? '–',
          },
          { title: 'Why decided so', value: ({ reason }) => reason },
        ]}
      />
    </>
  );
}

const revocationOf = ({ tokenId, actor }: Token): Action => ({
  title: `Revoke ${tokenId}`,
  asks: `Revoke the token ${tokenId} of ${actor}? Requests with it are refused from then on.`,
  button: 'Revoke',
  needsReason: true,
  commandOf: ({ reason }) => ({ command: 'revoke-token', tokenId, reason }),
});

function Tokens() {
  const tokens = useList('tokens', {});
  const isNow = useMoment().asOf === undefined;
  const { ask, confirmation } = useConfirmation();
  const [isIssuing, setIsIssuing] = useState(false);
  const revocation = (token: Token) =>
    token.revokedAt === null && isNow ? (
      <Button
        size="compact-xs"
        variant="default"
        onClick={() => {
          ask(revocationOf(token));
        }}
      >
        Revoke
      </Button>
    ) : (
      <When at={token.revokedAt} />
    );
  return (
    <>
      {isNow && (
        <Button
          mb="sm"
          onClick={() => {
            setIsIssuing(true);
          }}
        >
          Issue a token
        </Button>
      )}
      {isIssuing && (
        <IssueToken
          close={() => {
            setIsIssuing(false);
          }}
        />
      )}
      {confirmation}
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
  const isNow = useMoment().asOf === undefined;
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
      {isNow && (
        <Button
          mb="sm"
          onClick={() => {
            setIsRegistering(true);
          }}
        >
          Register a webhook
        </Button>
      )}
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
          ...(isNow ? [changeColumn(({ webhookId }: Webhook) => webhookId, actionsOf)] : []),
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
