import type { FileImport } from './import-file.js';
import { importCosts } from './import-costs.js';
import { importKind } from './kinds.js';
import type { BackfillKind } from '../rows/mapping.js';
import { ProgressMarks } from './progress-marks.js';
import { FileReport, type FileSummary, type Odd, Rejects } from './report.js';
import { openSource, type Source } from '../rows/source.js';
import { type BackfillRequest, type BackfillSummary, callOf, summed } from './request.js';
import type { Work } from './work.js';

/**
 * Opens files for some work. Each is read to its end first, so that an unreadable file is reported before any work
 * starts.
 */
export async function withSources<Result>(
  { files, stdin }: Pick<BackfillRequest, 'files' | 'stdin'>,
  work: (sources: readonly Source[]) => Promise<Result>,
): Promise<Result> {
  const sources: Source[] = [];
  try {
    for (const file of files) sources.push(await openSource(file, stdin));
    return await work(sources);
  } finally {
    for (const source of sources) await source.dispose();
  }
}

/** Imports files. If it is interrupted or fails, the imported rows are kept: the same import again continues. */
export async function importSources(
  sources: readonly Source[],
  request: BackfillRequest,
  work: Work,
): Promise<BackfillSummary> {
  const { kind } = request;
  if (kind === 'costs') return importCosts(sources, request, work);
  const total = sources.reduce((sum, { bytes }) => sum + bytes, 0);
  const seen = { odd: new Map<string, Odd>(), rejects: new Rejects() };
  const files: FileSummary[] = [];
  let before = 0;
  for (const source of sources) {
    if (request.signal.aborted) break;
    const report = new FileReport(source, request.onReject, seen, work.keepsFiles);
    const onRead = (bytes: number): void =>
      request.onProgress({ share: Math.min(1, (before + bytes) / total), rows: report.counts.read, file: source.name });
    files.push(await importSource({ source, kind, request, work, report, onRead }));
    before += source.bytes;
  }
  const [odd, rejects] = [[...seen.odd.values()], seen.rejects.list()];
  return { ...summed(files), files, odd, rejects, interrupted: request.signal.aborted };
}

async function importSource({
  source,
  kind,
  request,
  work,
  report,
  onRead,
}: {
  readonly source: Source;
  readonly kind: Exclude<BackfillKind, 'costs'>;
  readonly request: BackfillRequest;
  readonly work: Work;
  readonly report: FileReport;
  readonly onRead: (bytes: number) => void;
}): Promise<FileSummary> {
  const call = callOf(kind, source, work.caller);
  // A trial makes no progress marks.
  const marks = work.keepsFiles ? new ProgressMarks(work.core, call, source, request.mapping) : null;
  const whole = (await marks?.whole()) ?? null;
  if (whole !== null) {
    report.known(whole.read);
    onRead(source.bytes);
    return report.summary();
  }
  let read = 0;
  const common: Omit<FileImport<never>, 'presets' | 'importer' | 'survey'> = {
    rowsDone: request.resume && marks !== null ? await marks.rowsDone() : 0,
    async reached(rows) {
      if (report.counts.rejected === 0) await marks?.reached(rows, report.counts);
    },
    mapping: request.mapping,
    report,
    note: (note) => report.note(note),
    onRead(bytes) {
      read += bytes;
      onRead(read);
    },
    signal: request.signal,
  };
  try {
    await importKind({ kind, source, call, work, common });
    if (!request.signal.aborted && report.counts.rejected === 0) await marks?.reached('whole', report.counts);
    await work.core.projector.catchUp();
  } finally {
    await report.close();
  }
  return report.summary();
}
