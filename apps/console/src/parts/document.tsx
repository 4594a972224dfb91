import { Button } from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import type { Ledgerline } from '../../../../clients/typescript/ledgerline.ts';
import { useMoment } from '../moment.ts';
import { useSession } from '../session.tsx';
import { Failure } from './states.tsx';

interface Printed {
  /** Of which document, for who can't see where the button stands. */
  readonly of: string;
  readonly ask: (client: Ledgerline, asOf: string | undefined) => Promise<string>;
}

/** The printable page needs the token in a header, so it is fetched and shown from memory. */
export function Document({ of, ask }: Printed) {
  const { client } = useSession();
  const { asOf } = useMoment();
  const [failure, setFailure] = useState<Error | null>(null);
  const open = async (): Promise<void> => {
    // Opened at once: a browser lets no page open others later.
    const page = window.open('', '_blank');
    try {
      const text = await ask(client, asOf);
      const url = URL.createObjectURL(new Blob([text], { type: 'text/html' }));
      if (page !== null) page.location.href = url;
      setFailure(null);
    } catch (error) {
      page?.close();
      setFailure(errorOf(error));
    }
  };
  return (
    <>
      <Button size="xs" variant="default" aria-label={`Document ${of}`} onClick={() => void open()}>
        Document
      </Button>
      {failure !== null && <Failure error={failure} />}
    </>
  );
}
