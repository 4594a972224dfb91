import { Button, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import type { Command, Invoice } from '../../../../clients/typescript/ledgerline.ts';
import { instantText, moneyText } from '../formats.ts';
import { useMoment } from '../moment.ts';
import { useSession } from '../session.tsx';
import { Failure } from './states.tsx';
import { changing } from './inputs.ts';

/** Sends commands. After one is recorded, all answers are asked for again. Errors: LedgerlineProblem. */
export function useSend(): (command: Command) => Promise<string> {
  const { client } = useSession();
  const answers = useQueryClient();
  return async (command) => {
    const outcome = await client.commands(command);
    await answers.invalidateQueries();
    // One command has one outcome.
    return 'status' in outcome ? outcome.status : (outcome[0]?.status ?? '');
  };
}

/** What a person gave in a confirmation. */
interface Given {
  readonly at: string;
  readonly reason: string;
  readonly amount: string;
}

interface Action {
  readonly title: string;
  readonly asks: string;
  readonly needsReason: boolean;
  /** Asks for an amount in this currency, which may be left out. */
  readonly amountIn?: string;
  commandOf(given: Given): Command;
}

/** What can be done with an invoice in its status. Each asks before it is recorded. */
function actionsOf({ invoiceId, status, number, total, currency, asOf }: Invoice): Action[] {
  const named = number ?? 'the draft';
  const amount = moneyText(total, currency);
  const issue: Action = {
    title: 'Issue',
    asks:
      `Issue the draft over ${amount}, dated ${instantText(asOf)} UTC? ` +
      "It gets the next number, and its rows can't be changed any more.",
    needsReason: false,
    // As an invoice run does: a draft is issued at the instant that it bills up to.
    commandOf: () => ({ command: 'issue-invoice', invoiceId, at: asOf }),
  };
  const pay: Action = {
    title: 'Mark as paid',
    asks: `Record that ${named} over ${amount} was paid?`,
    needsReason: false,
    commandOf: ({ at }) => ({ command: 'pay-invoice', invoiceId, at }),
  };
  const credit: Action = {
    title: 'Credit note',
    asks: `Credit ${named}? A credit note is a document that goes out: it can't be taken back.`,
    needsReason: true,
    amountIn: currency,
    commandOf: ({ at, reason, amount: part }) => ({
      ...{ command: 'create-credit-note', invoiceId, at, reason },
      ...(part === '' ? {} : { amount: part }),
    }),
  };
  const void_: Action = {
    title: 'Void',
    asks: `Void ${named} over ${amount}? What it billed becomes open again. A void invoice stays void.`,
    needsReason: true,
    commandOf: ({ at, reason }) => ({ command: 'void-invoice', invoiceId, at, reason }),
  };
  const byStatus: Readonly<Record<Invoice['status'], readonly Action[]>> = {
    draft: [issue, void_],
    issued: [pay, credit, void_],
    paid: [credit],
    void: [],
  };
  return [...byStatus[status]];
}

export function Commands({ invoice }: { readonly invoice: Invoice }) {
  const { asOf } = useMoment();
  const [action, setAction] = useState<Action | null>(null);
  // The past is looked at, and not changed.
  if (asOf !== undefined) return null;
  return (
    <>
      {actionsOf(invoice).map((each) => (
        <Button
          key={each.title}
          size="xs"
          variant={each.needsReason ? 'default' : 'filled'}
          onClick={() => {
            setAction(each);
          }}
        >
          {each.title}
        </Button>
      ))}
      {action !== null && (
        <Confirmation
          action={action}
          close={() => {
            setAction(null);
          }}
        />
      )}
    </>
  );
}

function Confirmation({ action, close }: { readonly action: Action; readonly close: () => void }) {
  const send = useSend();
  const [reason, setReason] = useState('');
  const [amount, setAmount] = useState('');
  const [failure, setFailure] = useState<Error | null>(null);
  const [isSending, setIsSending] = useState(false);
  return (
    <Modal opened onClose={close} title={action.title} lockScroll={false}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setIsSending(true);
          send(action.commandOf({ reason, amount: amount.trim(), at: new Date().toISOString() })).then(
            close,
            (error: unknown) => {
              setFailure(errorOf(error));
              setIsSending(false);
            },
          );
        }}
      >
        <Stack>
          <Text>{action.asks}</Text>
          {action.amountIn !== undefined && (
            <TextInput
              label={`Amount before tax in ${action.amountIn} (empty: all of it)`}
              value={amount}
              onChange={changing(setAmount)}
            />
          )}
          {action.needsReason && <TextInput label="Reason" required value={reason} onChange={changing(setReason)} />}
          {failure !== null && <Failure error={failure} />}
          <Button type="submit" loading={isSending}>
            {action.title}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
