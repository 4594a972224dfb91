import type { AnswerOf } from '#ledger/query';
import { costSharingPreview } from '#operations/cost-sharing';
import { print, printFitted, printJson, say, widthOfTerminal } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { asked } from './wrong-usage.js';

const COMMANDS: ReadonlySet<unknown> = new Set(['set-cost-sharing', 'correct-cost-sharing']);

/** Whether a command changes margins only, by sharing cost. */
export const isSharing = (command: object): boolean => 'command' in command && COMMANDS.has(command.command);

/** Shows the margin of each tenant and month without the policy of a command and with it. Nothing is recorded. */
export async function sharingPreviewed(
  command: object,
  options: { readonly dataDir: string; readonly json: boolean },
): Promise<number> {
  const { command: _, reason: _reason, idempotencyKey: _key, ...terms } = command as Readonly<Record<string, unknown>>;
  return withLedger(options, async (ledger) => {
    const { answer } = await asked(ledger.answerNamed(costSharingPreview.name, terms, cliCaller()));
    const preview = answer as AnswerOf<typeof costSharingPreview.answer>;
    if (options.json) printJson(preview);
    else {
      show(preview);
      say(`prepared at position ${preview.position}. A correction takes it as --based-on ${preview.position}.`);
    }
    return 0;
  });
}

type Shown = AnswerOf<typeof costSharingPreview.answer>['months'][number]['before'];

function show({ currency, months }: AnswerOf<typeof costSharingPreview.answer>): void {
  printFitted(
    months.flatMap(({ month, before, after }) => [
      row(month, 'overall', before.overall, after.overall),
      ...[...new Set([...before.byTenant, ...after.byTenant].map(({ tenantId }) => tenantId))]
        .sort()
        .map((tenantId) => row(month, tenantId, ofTenant(before, tenantId), ofTenant(after, tenantId))),
    ]),
    widthOfTerminal(),
    '--json',
  );
  for (const { month, before, after } of months) {
    print(`${month}  not attributed: ${before.unattributed.cogs} → ${after.unattributed.cogs} ${currency}`);
    for (const { policyId, amount, fallback } of after.shared)
      if (fallback !== null)
        say(`${month}: policy ${policyId} has no basis for its ${amount} ${currency}: ${FALLBACK[fallback]}`);
  }
}

const FALLBACK = {
  even: 'it is shared evenly',
  unattributed: 'no tenant had a deployment, so nobody bears it',
} as const;

const ofTenant = ({ byTenant }: Shown, tenantId: string): Shown['overall'] | undefined =>
  byTenant.find((each) => each.tenantId === tenantId);

const row = (
  month: string,
  tenant: string,
  before: Shown['overall'] | undefined,
  after: Shown['overall'] | undefined,
) => ({
  month,
  tenant,
  direct: `${before?.directCogs ?? '-'} → ${after?.directCogs ?? '-'}`,
  shared: `${before?.sharedCogs ?? '-'} → ${after?.sharedCogs ?? '-'}`,
  margin: `${before?.margin ?? '-'} → ${after?.margin ?? '-'}`,
  percent: `${before?.marginPct ?? '-'} → ${after?.marginPct ?? '-'}`,
});
