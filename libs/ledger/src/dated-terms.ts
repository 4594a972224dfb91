import type { Correction } from '#domain/correction';
import { notFound } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import type { Instant } from '#domain/time/instant';
import {
  foldTerms,
  foldTermsWithout,
  type StatedTerms,
  type TermsCorrection,
  termsCorrection,
  type TermsData,
  type TermsVersion,
  withTermsOver,
} from '#domain/terms/terms';
import { neverWith } from './appending/withdrawals.js';
import type { CommandCall, CommandDone } from './command.js';
import type { LedgerCore } from './ledger-core.js';
import { corrected } from './overtaken.js';
import { statedOver } from './stated.js';

/** Something whose terms hold over periods, such as a budget, and its events. */
export interface TermsSubject<Terms, Fact extends RecordedEvent> {
  readonly stream: string;
  /** Whether an event sets or corrects its terms. */
  readonly isOf: (event: RecordedEvent) => event is Fact;
  readonly dataOf: (event: Fact) => TermsData<Terms>;
  /** `budget monthly of tenant acme`. */
  readonly name: string;
  /** The code of the error if it was never set, and the command that sets it. */
  readonly unknown: string;
  readonly command: string;
  readonly correctedBy: (correction: TermsCorrection<Terms>) => LedgerEvent;
  /** Refuses terms that others of the stream leave no room for. Absent: nothing else is in their way. */
  readonly assertFitting?: (after: readonly TermsVersion<Terms>[], events: readonly RecordedEvent[]) => void;
}

/** What its events say of terms that a command states from an instant on. */
export function statedTerms<Terms, Fact extends RecordedEvent>(
  { isOf, dataOf }: Pick<TermsSubject<Terms, Fact>, 'isOf' | 'dataOf'>,
  effectiveFrom: Instant,
  events: readonly RecordedEvent[],
): string[] {
  const data = events.filter(isOf).map(dataOf);
  const facts = data.flatMap((each) => ('versions' in each ? [] : [each.effectiveFrom]));
  return statedOver(foldTerms(data), effectiveFrom, facts);
}

/** Withdraws terms that were set from an instant on. Errors: the subject's `unknown` and others, `overtaken`. */
export const withdrawnTerms = async <Terms, Fact extends RecordedEvent>(
  core: LedgerCore,
  call: CommandCall,
  subject: TermsSubject<Terms, Fact>,
  { effectiveFrom, correction }: { readonly effectiveFrom: Instant; readonly correction: Correction },
): Promise<CommandDone> =>
  changedTerms(core, call, subject, (history) => {
    const never = neverWith(history, correction.withdrawn);
    if (never === null)
      throw notFound(subject.unknown, `${subject.name} was not set from ${effectiveFrom}: nothing to withdraw`);
    const data = new Map(history.map((event) => [event, subject.dataOf(event)]));
    const without = new Set([...data].flatMap(([event, each]) => (never.has(event) ? [each] : [])));
    const all = [...data.values()];
    return termsCorrection(foldTerms(all), foldTermsWithout(all, without), correction);
  });

/** Corrects terms over a period. Errors: the subject's `unknown` and others, `overtaken`. */
export const correctedTerms = async <Terms, Fact extends RecordedEvent>(
  core: LedgerCore,
  call: CommandCall,
  subject: TermsSubject<Terms, Fact>,
  { stated, reason }: { readonly stated: StatedTerms<Terms>; readonly reason: string },
): Promise<CommandDone> =>
  changedTerms(core, call, subject, (history) => {
    if (history.length === 0) throw notFound(subject.unknown, `${subject.name} was never set: use ${subject.command}`);
    const before = foldTerms(history.map(subject.dataOf));
    return termsCorrection(before, withTermsOver(before, stated), { reason }, stated);
  });

const changedTerms = async <Terms, Fact extends RecordedEvent>(
  core: LedgerCore,
  call: CommandCall,
  subject: TermsSubject<Terms, Fact>,
  change: (history: readonly Fact[]) => TermsCorrection<Terms> | null,
): Promise<CommandDone> =>
  corrected(core, call, {
    ...{ stream: subject.stream, isOf: subject.isOf },
    saidOf: (event: Fact) => `${subject.name} was ${'reason' in event.data ? 'corrected' : 'set'}`,
    decide(events) {
      const correction = change(events.filter(subject.isOf));
      if (correction === null) return [];
      subject.assertFitting?.(correction.versions, events);
      return [subject.correctedBy(correction)];
    },
  });
