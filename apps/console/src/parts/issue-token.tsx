import { Button, Select, Stack, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import type { IssuedToken, NewToken } from '../../../../clients/typescript/ledgerline.ts';
import { instantText } from '../formats.ts';
import { useSession } from '../session.tsx';
import { Dialog } from './dialog.tsx';
import { changing } from './inputs.ts';
import { ShownOnce } from './shown-once.tsx';
import { Failure } from './states.tsx';
import { newId } from '../new-id.ts';

const ROLES: readonly NewToken['role'][] = ['platform_admin', 'operator', 'auditor', 'tenant', 'ingest'];
const OF_TENANTS: readonly NewToken['role'][] = ['tenant', 'ingest'];
const DAYS = 30;
const DAY_MS = 86_400_000;

/** Issues a bearer token and shows it once: it is kept nowhere. */
export function IssueToken({ close }: { readonly close: () => void }) {
  const { client } = useSession();
  const answers = useQueryClient();
  // The same request sent twice issues one token.
  const [tokenId] = useState(() => newId());
  const [role, setRole] = useState<NewToken['role']>('auditor');
  const [tenantId, setTenantId] = useState('');
  const [actor, setActor] = useState('');
  const [end, setEnd] = useState(() => new Date(Date.now() + DAYS * DAY_MS).toISOString().slice(0, 10));
  const [issued, setIssued] = useState<IssuedToken | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const isOfTenant = OF_TENANTS.includes(role);
  const issue = async (): Promise<void> => {
    try {
      setIssued(
        await client.issueToken({
          ...{ role, tokenId, expiresAt: `${end}T00:00:00Z` },
          ...(isOfTenant && tenantId !== '' ? { tenantId } : {}),
          ...(actor === '' ? {} : { actor }),
        }),
      );
      await answers.invalidateQueries();
    } catch (error) {
      setFailure(errorOf(error));
    }
  };
  return (
    <Dialog close={close} title="Issue a token">
      {issued === null ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void issue();
          }}
        >
          <Stack>
            <Select
              label="Role"
              allowDeselect={false}
              data={[...ROLES]}
              value={role}
              onChange={(value) => {
                setRole(ROLES.find((each) => each === value) ?? role);
              }}
            />
            {isOfTenant && (
              <TextInput
                label="Tenant"
                required={role === 'tenant'}
                value={tenantId}
                onChange={changing((value) => {
                  setTenantId(value.trim());
                })}
              />
            )}
            <TextInput
              label="Who acts with it (empty: the tenant, or the role)"
              value={actor}
              onChange={changing((value) => {
                setActor(value.trim());
              })}
            />
            <TextInput label="Ends on (midnight, UTC)" type="date" required value={end} onChange={changing(setEnd)} />
            {failure !== null && <Failure error={failure} />}
            <Button type="submit">Issue</Button>
          </Stack>
        </form>
      ) : (
        <Stack>
          <ShownOnce
            title="The token is issued"
            advice={`Copy it now: it can't be shown again. It ends on ${instantText(issued.expiresAt)} UTC.`}
            label="Token"
            value={issued.token}
          />
          <Text size="sm" c="dimmed">{`Id ${issued.id}`}</Text>
        </Stack>
      )}
    </Dialog>
  );
}
