import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Ledger } from '#operations/ledger';
import { LedgerModule } from '#operations/ledger.module';
import { keepHeapSmall } from '#runtime/small-heap';

/**
 * `rebuild-process.ts URL [NAMES]`: a rebuild in a process of its own, so that its memory is its own; tells what it
 * took.
 */
// As the command does.
keepHeapSmall();
const [databaseUrl = '', only] = process.argv.slice(2);
const app = await NestFactory.createApplicationContext(LedgerModule.forRoot({ databaseUrl }), { logger: false });
const phases: Record<string, number> = {};
let [phase, since] = ['start', performance.now()];
const enter = (next: string): void => {
  if (next === phase) return;
  phases[phase] = (phases[phase] ?? 0) + performance.now() - since;
  [phase, since] = [next, performance.now()];
};
const { outcome, tables, money } = await app.get(Ledger).rebuilder.rebuild({
  only: only === undefined ? null : only.split(','),
  onProgress: (progress) => {
    enter(progress.phase);
  },
});
enter('done');
const differences =
  tables.filter(({ onlyLive, onlyShadow, different }) => onlyLive + onlyShadow + different > 0).length + money.length;
const rows = tables.reduce((sum, table) => sum + table.rows, 0);
process.stdout.write(
  JSON.stringify({ outcome, differences, rows, phases, peakMiB: process.resourceUsage().maxRSS / 1024 }),
);
await app.close();
