import { statSync } from 'node:fs';
import { z } from 'zod';
import { type Quote, quotePlan } from '#domain/quotes/quote';
import { parse, zDecimal, zId } from '#domain/schema';
import { parsePeriod } from '#domain/time/period';
import { readJson } from './input.js';
import { printJson } from './output.js';
import { readOption } from './wrong-usage.js';

/** Quotes usage under a plan, always as JSON. A plan in a file needs no database; a published plan is read from it. */
export async function run(
  _args: readonly string[],
  options: { dataDir: string; plan?: unknown; usage?: unknown; period?: unknown },
): Promise<number> {
  const plan = String(options.plan);
  const text = typeof options.period === 'string' ? options.period : undefined;
  const period = text === undefined ? undefined : readOption(() => periodOf(text));
  const usage = parse(z.record(zId, zDecimal), await readJson(String(options.usage)), 'usage');
  const isFile = statSync(plan, { throwIfNoEntry: false })?.isFile() === true;
  printJson(isFile ? await fromFile(plan, usage) : await fromLedger(options, plan, usage, period));
  return 0;
}

function periodOf(text: string): { start: string; end: string } {
  const [start = '', end = ''] = text.split('/');
  return parsePeriod({ start, end }, '--period');
}

async function fromFile(file: string, usage: Record<string, string>): Promise<Quote> {
  const { readPlan } = await import('#operations/published-plan');
  const version = readPlan(await readJson(file));
  return quotePlan(version, usage);
}

async function fromLedger(
  options: { dataDir: string },
  planId: string,
  usage: Record<string, string>,
  period: { start: string; end: string } | undefined,
): Promise<Quote> {
  const { cliCaller, withLedger } = await import('./session.js');
  const { quote } = await import('#operations/quotes');
  return withLedger(options, async (ledger) => ledger.ask(quote, { planId, usage, period }, cliCaller()));
}
