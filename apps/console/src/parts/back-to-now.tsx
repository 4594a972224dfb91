import { Alert, Button, Text } from '@mantine/core';
import { useMoment } from '../moment.ts';

/** Why a page has no answer for its moment, and the way back. */
export function BackToNow({ title, children }: { readonly title: string; readonly children: string }) {
  const { set } = useMoment();
  return (
    <Alert color="orange" title={title} role="alert">
      <Text size="sm">{children}</Text>
      <Button
        mt="xs"
        size="xs"
        variant="default"
        onClick={() => {
          set(undefined);
        }}
      >
        Back to now
      </Button>
    </Alert>
  );
}
