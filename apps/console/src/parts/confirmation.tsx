import { Button, Stack, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { errorOf } from '#domain/errors';
import type { Command } from '../../../../clients/typescript/ledgerline.ts';
import { LedgerlineProblem } from '../../../../clients/typescript/runtime.ts';
import { newId } from '../new-id.ts';
import { useSession } from '../session.tsx';
import { Failure, Noticed, Proposed } from './states.tsx';
import { Dialog } from './dialog.tsx';
import { changing } from './inputs.ts';

/** What came of a command. `notice`: what its answer says beside its figures. null: nothing. */
export interface Sent {
  readonly status: string;
  readonly notice: string | null;
}

/** Sends commands. After one is recorded, all answers are asked for again. Errors: LedgerlineProblem. */
export function useSend(): (command: Command) => Promise<Sent> {
  const { client } = useSession();
  const answers = useQueryClient();
  return async (command) => {
    const answer = await client.commands(command);
    await answers.invalidateQueries();
    // One command has one outcome.
    const outcome = 'status' in answer ? answer : answer[0];
    const notice = outcome?.result?.['notice'];
    return { status: outcome?.status ?? '', notice: typeof notice === 'string' ? notice : null };
  };
}

/** What a person gave in a confirmation. */
interface Given {
  readonly at: string;
  readonly reason: string;
  readonly amount: string;
}

export interface Action {
  readonly title: string;
  readonly asks: string;
  /** What the button says, if it is not the title. */
  readonly button?: string;
  readonly needsReason: boolean;
  /** Asks for an amount in this currency, which may be left out. */
  readonly amountIn?: string;
  commandOf(given: Given): Command;
}

/** `ask` opens the confirmation of an action. `confirmation` is what a page shows: nothing, or the open one. */
export function useConfirmation(): { readonly ask: (action: Action) => void; readonly confirmation: ReactNode } {
  const [action, ask] = useState<Action | null>(null);
  const confirmation = action !== null && (
    <Confirmation
      action={action}
      close={() => {
        ask(null);
      }}
    />
  );
  return { ask, confirmation };
}

/** What a command is sent with, however often it is sent: it is recorded once. */
interface Attempt {
  readonly at: string;
  readonly idempotencyKey: string;
}

const newAttempt = (): Attempt => ({ at: new Date().toISOString(), idempotencyKey: newId() });

/** Nothing was recorded. Without an answer, or with a failure of the server, that is not known. */
const isRefusal = (failure: Error | null): boolean =>
  failure instanceof LedgerlineProblem && failure.status < FIRST_SERVER_FAILURE;
const FIRST_SERVER_FAILURE = 500;

/** Asks before a command is recorded. After it is refused, it says why. */
function Confirmation({ action, close }: { readonly action: Action; readonly close: () => void }) {
  const send = useSend();
  const [reason, setReason] = useState('');
  const [amount, setAmount] = useState('');
  const [failure, setFailure] = useState<Error | null>(null);
  const [attempt, setAttempt] = useState(newAttempt);
  const [isSending, setIsSending] = useState(false);
  const [sent, setSent] = useState<Sent | null>(null);
  /** Something else than what was refused is another command. */
  const typing = (set: (value: string) => void) =>
    changing((value) => {
      set(value);
      if (isRefusal(failure)) setAttempt(newAttempt());
    });
  if (sent !== null)
    return (
      <Dialog close={close} title={action.title}>
        {sent.status === 'proposed' ? <Proposed /> : <Noticed of={sent} />}
      </Dialog>
    );
  return (
    <Dialog close={close} title={action.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setIsSending(true);
          setFailure(null);
          const { at, idempotencyKey } = attempt;
          send({ ...action.commandOf({ reason, amount: amount.trim(), at }), idempotencyKey }).then(
            (answer) => {
              if (answer.status === 'proposed' || answer.notice !== null) setSent(answer);
              else close();
            },
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
              onChange={typing(setAmount)}
            />
          )}
          {action.needsReason && <TextInput label="Reason" required value={reason} onChange={typing(setReason)} />}
          {failure !== null && <Failure error={failure} />}
          <Button type="submit" loading={isSending}>
            {action.button ?? action.title}
          </Button>
        </Stack>
      </form>
    </Dialog>
  );
}
