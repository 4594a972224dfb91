import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';

/** `npm run bench -- …`, without npm. */
async function bench(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--conditions=source', '--import', './test/support/typescript.js', 'test/bench/main.ts', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, stdout, stderr };
}

describe('npm run bench', () => {
  it('measures the named ones at a size, checks what they came to, and answers one JSON document', async () => {
    const { code, stdout } = await bench('apply', 'append', 'backfill', 'invoice-run', '--size', '70', '--json');
    expect(code).toBe(0);
    const positive: unknown = expect.any(Number);
    expect(JSON.parse(stdout)).toMatchObject([
      { name: 'append', size: 70, ratios: { append: positive }, figures: { appendsPerSecond: positive }, checked: true },
      { name: 'apply', size: 70, ratios: { entered: positive, metered: positive }, figures: { meteredPerSecond: positive }, checked: true },
      { name: 'backfill', size: 70, ratios: { backfill: positive, again: positive }, figures: { rowsPerSecond: positive, peakMegabytes: positive }, checked: true },
      // 7 tenants of 10 subscriptions, each of 5 metered lines and a fee.
      { name: 'invoice-run', size: 70, ratios: { draftGrowth: positive, issueGrowth: positive }, figures: { lines: 420, invoices: 7 }, checked: true },
    ]);
  });

  it('refuses a name or a size that it does not know, with those that it does', async () => {
    expect(await bench('append', 'faster')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/there is no bench faster; there are\n {2}append: [^]*\n {2}apply: [^]*\n {2}http: [^]*\n {2}invoice-run: /) as unknown });
    expect(await bench('--size', 'many')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('"many" is no whole number from 1 on') as unknown });
  });
});
