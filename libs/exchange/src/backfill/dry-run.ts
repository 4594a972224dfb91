import { invalid } from '#domain/errors';
import { effectOf, type PreviewedLine } from '#billing/preview/preview';
import { decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import { onTrial } from '#billing/preview/trial';
import { importSources } from './backfill.js';
import type { BackfillRequest, BackfillSummary } from './request.js';
import type { CarryOut } from './command-import.js';
import type { Source } from '../rows/source.js';
import { type Survey, Surveyor } from './survey.js';

/** How an import would change what is owed: on issued invoices, and on open lines. */
export interface BackfillEffect {
  /** Issued invoices that it changes. The difference would be booked as corrections on the tenant's next invoice. */
  readonly invoices: readonly {
    readonly invoiceId: string;
    readonly number: string | null;
    readonly tenantId: string;
    readonly currency: string;
    readonly difference: string;
  }[];
  readonly open: readonly { readonly tenantId: string; readonly currency: string; readonly difference: string }[];
}

export interface DryRun extends BackfillSummary {
  readonly survey: Survey;
  /** null: the files are too large for a trial. `notTried` has the reason. */
  readonly effect: BackfillEffect | null;
  readonly notTried: string | null;
}

/**
 * At most this many lines are imported in a transaction that is rolled back. For larger files, each row is only
 * compared with what is recorded.
 */
const MOST_TRIED = 100_000;

/**
 * What an import would do. Nothing is kept. Small files are imported by the same code on a trial of the ledger, so that
 * the change in money is known too. Errors: `too_large_for_dry_run` for resources and rates, whose rows depend on each
 * other.
 */
export async function dryRun({
  core,
  caller,
  carryOutOn,
  sources,
  request,
}: {
  readonly core: LedgerCore;
  readonly caller: Caller;
  readonly carryOutOn: (core: LedgerCore) => CarryOut;
  readonly sources: readonly Source[];
  readonly request: BackfillRequest;
}): Promise<DryRun> {
  const surveyor = new Surveyor();
  const lines = sources.reduce((total, source) => total + source.lines, 0);
  const work = { caller, surveyor, keepsFiles: false };
  if (lines > MOST_TRIED) {
    if (request.kind === 'resources' || request.kind === 'rates')
      throw invalid(
        'too_large_for_dry_run',
        `a dry run of ${request.kind} takes at most ${MOST_TRIED} lines, but the files have ${lines}.` +
          ' Divide the files, for example with split -l.',
      );
    await core.projector.catchUp();
    const summary = await importSources(sources, request, { ...work, core, carryOut: carryOutOn(core), isDry: true });
    const notTried = `more than ${MOST_TRIED} lines: the change in money is not computed. Try a part of the file.`;
    return { ...summary, survey: await surveyor.of(core), effect: null, notTried };
  }
  return onTrial(core, caller.now, async (trial) => {
    const summary = await importSources(sources, request, {
      ...work,
      core: trial.core,
      carryOut: carryOutOn(trial.core),
      isDry: false,
    });
    await trial.core.projector.catchUp();
    const effect = effectBy((await effectOf(trial, caller.now)).effect.lines);
    return { ...summary, survey: await surveyor.of(trial.core), effect, notTried: null };
  });
}

function effectBy(lines: readonly PreviewedLine[]): BackfillEffect {
  const changed = lines.filter(({ difference }) => !decimal(difference).eq(decimal('0')));
  const groups = [
    ...Map.groupBy(changed, ({ invoiceId, tenantId, currency }) =>
      JSON.stringify([tenantId, invoiceId, currency]),
    ).values(),
  ].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { invoiceId, number, tenantId, currency } = first;
    return [
      {
        invoiceId,
        number,
        tenantId,
        currency,
        difference: moneyText(sum(group.map(({ difference }) => decimal(difference))), currency),
      },
    ];
  });
  return {
    invoices: groups.flatMap(({ invoiceId, ...rest }) => (invoiceId === null ? [] : [{ invoiceId, ...rest }])),
    open: groups.flatMap(({ invoiceId, number: _number, ...rest }) => (invoiceId === null ? [rest] : [])),
  };
}
