import type { AnswerOf } from '#ledger/query';
import { kindMappingPreview } from '#operations/kind-mappings';
import { print, printFitted, printJson, say, widthOfTerminal } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { asked } from './wrong-usage.js';

const COMMANDS: ReadonlySet<unknown> = new Set(['set-kind-mapping', 'correct-kind-mapping']);

/** Whether a command changes unit economics only, by mapping a provider’s kind. */
export const isMapping = (command: object): boolean => 'command' in command && COMMANDS.has(command.command);

/** Shows the cost of each billing kind and month without the mapping of a command and with it. Nothing is recorded. */
export async function mappingPreviewed(
  command: object,
  options: { readonly dataDir: string; readonly json: boolean },
): Promise<number> {
  const { command: _, reason: _reason, idempotencyKey: _key, ...terms } = command as Readonly<Record<string, unknown>>;
  return withLedger(options, async (ledger) => {
    const { answer } = await asked(ledger.answerNamed(kindMappingPreview.name, terms, cliCaller()));
    const preview = answer as AnswerOf<typeof kindMappingPreview.answer>;
    if (options.json) printJson(preview);
    else {
      show(preview);
      say(`prepared at position ${preview.position}. A correction takes it as --based-on ${preview.position}.`);
    }
    return 0;
  });
}

type Shown = AnswerOf<typeof kindMappingPreview.answer>['months'][number]['before'];

function show({ currency, months }: AnswerOf<typeof kindMappingPreview.answer>): void {
  printFitted(
    months.flatMap(({ month, before, after }) =>
      [...new Set([...before.byKind, ...after.byKind].map(({ billingKind }) => billingKind))]
        .sort()
        .map((billingKind) => row(month, billingKind, ofKind(before, billingKind), ofKind(after, billingKind))),
    ),
    widthOfTerminal(),
    '--json',
  );
  for (const { month, before, after } of months)
    print(`${month}  not mapped: ${before.unmapped.cogs} → ${after.unmapped.cogs} ${currency}`);
}

const ofKind = ({ byKind }: Shown, billingKind: string): Shown['byKind'][number] | undefined =>
  byKind.find((each) => each.billingKind === billingKind);

const row = (
  month: string,
  kind: string,
  before: Shown['byKind'][number] | undefined,
  after: Shown['byKind'][number] | undefined,
) => ({
  ...{ month, kind },
  cost: `${before?.cogs ?? '-'} → ${after?.cogs ?? '-'}`,
  margin: `${before?.margin ?? '-'} → ${after?.margin ?? '-'}`,
  'cost per metered unit': `${before?.cogsPerMeteredUnit ?? '-'} → ${after?.cogsPerMeteredUnit ?? '-'}`,
});
