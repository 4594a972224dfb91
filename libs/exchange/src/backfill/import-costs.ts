import { canonicalJson } from '#domain/canonical-json';
import { invalid } from '#domain/errors';
import { sha256 } from '#ledger/command';
import { CostDeliveries, type FileOfDelivery } from '../deliveries/cost-deliveries.js';
import { UNNAMED } from '../deliveries/mode.js';
import { Staging } from '../deliveries/staging.js';
import type { Source } from '../rows/source.js';
import { importCostFile } from './kinds.js';
import { ProgressMarks } from './progress-marks.js';
import { FileReport, type Odd, Rejects } from './report.js';
import { type BackfillRequest, type BackfillSummary, callOf, summed } from './request.js';
import type { Work } from './work.js';

/**
 * Imports the files of a delivery together: nothing is written before all rows of all files were compared. An import
 * that is interrupted while it reads has written nothing. One that is interrupted while it writes is continued by the
 * same import again.
 */
export async function importCosts(
  sources: readonly Source[],
  request: BackfillRequest,
  work: Work,
): Promise<BackfillSummary> {
  const odd = new Map<string, Odd>();
  const rejects = new Rejects();
  const options = request.delivery ?? UNNAMED;
  const files = sources.map((source) => {
    const call = callOf('costs', source, work.caller);
    return {
      source,
      call,
      report: new FileReport(source, request.onReject, { odd, rejects }, work.keepsFiles),
      // A trial makes no marks. A name says more of a file than that it was imported.
      marks:
        work.keepsFiles && options.name === null ? new ProgressMarks(work.core, call, source, request.mapping) : null,
    };
  });
  const done = await Promise.all(files.map(async ({ marks }) => (await marks?.whole()) ?? null));
  const isKnown = done.every((counts) => counts !== null);
  let removed = 0;
  try {
    if (isKnown) for (const [index, { report }] of files.entries()) report.known(done[index]?.read ?? 0);
    else removed = await delivered(files, request, work);
    if (!isKnown && !request.signal.aborted)
      for (const { marks, report } of files)
        if (report.counts.rejected === 0) await marks?.reached('whole', report.counts);
    await work.core.projector.catchUp();
  } finally {
    // The rejects and notes of the first import stay beside a file that is known.
    if (!isKnown) for (const { report } of files) await report.close();
  }
  const summaries = files.map(({ report }) => report.summary());
  return {
    ...summed(summaries),
    files: summaries,
    odd: [...odd.values()],
    rejects: rejects.list(),
    interrupted: request.signal.aborted,
    removed,
  };
}

async function delivered(
  files: readonly (FileOfDelivery & { readonly report: FileReport })[],
  { mapping, signal, onProgress, delivery = UNNAMED }: BackfillRequest,
  work: Work,
): Promise<number> {
  const total = files.reduce((sum, { source }) => sum + source.bytes, 0);
  const staging = await Staging.open(work.core.trialPool());
  try {
    const readAs = sha256(canonicalJson(mapping)).slice(0, 16);
    const deliveries = new CostDeliveries(work.core, staging, files, delivery, readAs);
    let read = 0;
    for (const [index, { source, report }] of files.entries())
      await importCostFile(source, deliveries.importer(index), work, {
        rowsDone: 0,
        reached: async () => undefined,
        mapping,
        report,
        note: (note) => report.note(note),
        onRead(bytes) {
          read += bytes;
          onProgress({ share: Math.min(1, read / total), rows: report.counts.read, file: source.name });
        },
        signal,
      });
    assertNoneTwice(files.filter(({ report }) => report.counts.read > 0).map(({ source }) => source));
    // A part of a file must not pass for the whole.
    return signal.aborted ? 0 : await deliveries.finish({ isDry: work.isDry, signal });
  } finally {
    await staging.close();
  }
}

/** Errors: `same_content`. A packed copy has the content of its file. Files without a row may be equal. */
function assertNoneTwice(sources: readonly Source[]): void {
  const seen = new Map<string, string>();
  for (const { name, digest } of sources) {
    const other = seen.get(digest);
    if (other !== undefined)
      throw invalid(
        'same_content',
        `${other} and ${name} have the same content. Nothing was imported. Name one of them.`,
      );
    seen.set(digest, name);
  }
}
