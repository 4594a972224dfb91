import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';

/** `npm run bench -- …`, without npm. */
async function bench(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--import', './test/support/typescript.js', 'test/bench/main.ts', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, stdout, stderr };
}

/**
 * Several processes, one after the other, each with a server of its own: on a machine that others use it takes a while.
 */
describe('npm run bench', () => {
  it('measures the named benches at a size, checks their results, and prints one JSON document', async () => {
    const { code, stdout } = await bench(
      'apply',
      'append',
      'backfill',
      'invoice-run',
      'as-of',
      'verify',
      '--size',
      '70',
      '--json',
    );
    expect(code).toBe(0);
    const positive: unknown = expect.any(Number);
    expect(JSON.parse(stdout)).toMatchObject([
      {
        name: 'append',
        size: 70,
        ratios: { append: positive },
        figures: { appendsPerSecond: positive },
        checked: true,
      },
      {
        name: 'apply',
        size: 70,
        ratios: { entered: positive, metered: positive },
        figures: { meteredPerSecond: positive },
        checked: true,
      },
      {
        name: 'backfill',
        size: 70,
        ratios: { backfill: positive, again: positive, quoted: positive, focus: positive, focusAgain: positive },
        figures: { rowsPerSecond: positive, peakMegabytes: positive, peakMegabytesFocus: positive },
        checked: true,
      },
      // 7 tenants of 10 subscriptions, each of 5 metered lines and a fee.
      {
        name: 'invoice-run',
        size: 70,
        ratios: { growth: positive, againstAppending: positive },
        figures: { lines: 420, invoices: 7 },
        checked: true,
      },
      // 10 tenants, a reading and an invoice a month.
      {
        name: 'as-of',
        size: 70,
        ratios: { asOfAgainstThen: positive },
        figures: { asOfMs: positive, records: 130, invoices: 130 },
        checked: true,
      },
      {
        name: 'verify',
        size: 70,
        ratios: { verifiedAgainstSha256: positive, ingestWithTree: positive },
        figures: { eventsVerifiedPerSecond: positive },
        checked: true,
      },
    ]);
  });

  it('reads over gRPC, and rebuilds', async () => {
    const { code, stdout } = await bench('grpc', 'rebuild', '--size', '1000', '--json');
    expect(code).toBe(0);
    const positive: unknown = expect.any(Number);
    expect(JSON.parse(stdout)).toMatchObject([
      { name: 'grpc', size: 1000, ratios: { read: positive, mirror: positive }, figures: { events: 1 }, checked: true },
      {
        name: 'rebuild',
        size: 1000,
        ratios: { rebuild: positive, live: positive },
        figures: { peakMiB: positive },
        checked: true,
      },
    ]);
  });

  it('refuses an unknown name or size, and lists the known ones', async () => {
    expect(await bench('append', 'faster')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /there is no bench faster; there are\n {2}append: [^]*\n {2}apply: [^]*\n {2}http: [^]*\n {2}invoice-run: [^]*\n {2}as-of: [^]*\n {2}verify: /,
      ) as unknown,
    });
    expect(await bench('--size', 'many')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('"many" is no whole number from 1 on') as unknown,
    });
  });
});
