import 'reflect-metadata';
import { Readable } from 'node:stream';
import { NestFactory } from '@nestjs/core';
import { BACKFILL_KINDS } from '#exchange/rows/mapping';
import { Ledger } from '#operations/ledger';
import { LedgerModule } from '#operations/ledger.module';
import { keepHeapSmall } from '#runtime/small-heap';
import { BENCHER, timed } from './bench.js';

/**
 * `backfill-process.ts URL KIND FILE [DELIVERY]`: an import in a process of its own, so that its memory is its own;
 * tells what it took.
 */
// As the command does.
keepHeapSmall();
const [databaseUrl = '', named, file = '', delivery] = process.argv.slice(2);
const kind = BACKFILL_KINDS.find((each) => each === named);
if (kind === undefined) throw new Error(`there is no kind ${named ?? ''}`);
const app = await NestFactory.createApplicationContext(LedgerModule.forRoot({ databaseUrl }), { logger: false });
const { ms, result } = await timed(async () =>
  app.get(Ledger).backfill(
    {
      kind,
      files: [file],
      mapping: {},
      stdin: () => Readable.from([]),
      signal: new AbortController().signal,
      resume: false,
      onProgress: () => undefined,
      onReject: () => undefined,
      ...(delivery === undefined ? {} : { delivery: { name: delivery, isPartial: false } }),
    },
    BENCHER,
  ),
);
const { read, accepted, duplicate, correction, rejected } = result;
process.stdout.write(
  JSON.stringify({
    ms,
    counts: { read, accepted, duplicate, correction, rejected },
    peakMegabytes: (process.resourceUsage().maxRSS * 1024) / 1_000_000,
  }),
);
await app.close();
