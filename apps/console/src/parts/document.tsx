import { Button } from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import { useMoment } from '../moment.ts';
import { useSession } from '../session.tsx';
import { Failure } from './states.tsx';

/** The printable page needs the token in a header, so it is fetched and shown from memory. */
export function Document({
  kind,
  id,
}: {
  readonly kind: 'invoiceDocument' | 'creditNoteDocument' | 'consolidatedInvoiceDocument';
  readonly id: string;
}) {
  const { client } = useSession();
  const { asOf } = useMoment();
  const [failure, setFailure] = useState<Error | null>(null);
  const open = async (): Promise<void> => {
    // Opened at once: a browser lets no page open others later.
    const page = window.open('', '_blank');
    try {
      const text = await client[kind]({ id, asOf });
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
      <Button size="xs" variant="default" aria-label={`Document ${id}`} onClick={() => void open()}>
        Document
      </Button>
      {failure !== null && <Failure error={failure} />}
    </>
  );
}
