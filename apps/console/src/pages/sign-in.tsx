import { Alert, Button, Checkbox, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import { changing } from '../parts/inputs.ts';

/** A wrong token is refused at once: the API is asked before anything is shown. */
export function SignIn({ signIn }: { readonly signIn: (token: string, remembered: boolean) => Promise<void> }) {
  const [token, setToken] = useState('');
  const [remembered, setRemembered] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [isAsking, setIsAsking] = useState(false);
  return (
    <main>
      <Paper maw={480} mx="auto" mt="15vh" p="xl" withBorder>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            setIsAsking(true);
            setFailure(null);
            signIn(token, remembered).catch((error: unknown) => {
              setFailure(errorOf(error).message);
              setIsAsking(false);
            });
          }}
        >
          <Stack>
            <Title order={1} fz="h2">
              Ledgerline
            </Title>
            <Text size="sm">
              Paste a token. <code>ledgerline up</code> prints one, and <code>ledgerline token create</code> makes more.
              It goes to this API only.
            </Text>
            <PasswordInput label="Token" required autoComplete="off" value={token} onChange={changing(setToken)} />
            <Checkbox
              label="Stay signed in, in all tabs of this browser"
              checked={remembered}
              onChange={({ currentTarget }) => {
                setRemembered(currentTarget.checked);
              }}
            />
            {failure !== null && (
              <Alert color="red" title="Not signed in" role="alert">
                {failure}
              </Alert>
            )}
            <Button type="submit" loading={isAsking}>
              Sign in
            </Button>
            <Text size="sm">
              <a href="/api/docs">API docs</a>
            </Text>
          </Stack>
        </form>
      </Paper>
    </main>
  );
}
