import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Decimal, decimal, sum, text } from '#domain/money/decimal';
import { type Instant, isBefore } from '#domain/time/instant';
import { ratedAt } from '#billing/preview/preview';
import type { Preview } from '#operations/ledger';
import { readDeployments } from '#projections/deployments/deployments.read';
import { readChangedLines } from '#projections/invoice-lines/line-changes.read';
import {
  books,
  creditOf,
  type Invoice,
  invoiceCount,
  printed,
  printedNet,
  taxOf,
  Told,
} from '../support/histories/books.js';
import { StatedSoFar } from '../support/histories/stated-so-far.js';
import type { Stated } from '../support/histories/statement.js';
import { statementsIn } from '../support/histories/statements.js';
import type { Truth } from '../support/histories/truth.js';
import { CLASSIC, dayAt, isExact, money, setUp, TENANTS, type World, worlds } from '../support/histories/world.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/**
 * Histories in which every kind of fact is stated, corrected and withdrawn, with invoices of both tenants along the
 * way, through the whole stack. What is true in the end is kept beside the ledger. A fresh ledger that is given it at
 * once, and bills it once, has the same net and tax of each tenant, deployment, billing kind and charge period at each
 * tax rate.
 *
 * HISTORIES=n and PROPERTY_SEED=s: how many, and which. A failure names its commands, seed and path; with PROPERTY_PATH
 * it is made again, and with SHRINK=1 it is made as small as possible.
 */

const RUNS = {
  numRuns: Number(process.env['HISTORIES'] ?? '4'),
  seed: Number(process.env['PROPERTY_SEED'] ?? '20261129'),
  endOnFailure: process.env['SHRINK'] === undefined,
  ...(process.env['PROPERTY_PATH'] === undefined ? {} : { path: process.env['PROPERTY_PATH'] }),
};

/** 4 June: whatever the grace, all of May is due. */
const END = dayAt(64);

interface Step {
  /** The day on which both tenants are billed before it. */
  readonly billOn: number | null;
  readonly state: Stated;
}
interface History {
  readonly world: World;
  readonly steps: readonly Step[];
}

const days = fc.oneof(
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 58 }) },
);
const histories: fc.Arbitrary<History> = fc
  .oneof({ weight: 1, arbitrary: fc.constant(CLASSIC) }, { weight: 3, arbitrary: worlds })
  .chain((world) =>
    fc.record({
      world: fc.constant(world),
      steps: fc.array(fc.record({ billOn: days, state: statementsIn(world) }), { minLength: 8, maxLength: 20 }),
    }),
  );

const isCorrection = (command: object): boolean =>
  'command' in command && typeof command.command === 'string' && /^(correct-|withdraw)/.test(command.command);

interface Amounts {
  readonly net: Decimal;
  readonly tax: Decimal;
}

/** What the corrections of an invoice come to, before credits. */
const corrected = (invoice: Invoice | null): Amounts => {
  const rows = (invoice?.lines ?? []).flatMap((line) => line.rows.filter(({ kind }) => kind !== 'charge'));
  return {
    net: sum(rows.map((row) => decimal(row.net).plus(creditOf(row)))),
    tax: sum(rows.map(({ tax }) => decimal(tax))),
  };
};

/** Carries out a history. Where all was billed before a correction, its preview is what the next invoices book. */
class Lived {
  private metered: Instant = dayAt(0);
  private billed = 0;

  constructor(
    private readonly told: Told,
    private readonly world: World,
    private readonly soFar: StatedSoFar,
  ) {}

  async live(steps: readonly Step[]): Promise<void> {
    await this.told.apply(...setUp(this.world));
    for (const [index, step] of steps.entries()) await this.step(step, index);
    await this.bill(END, 2);
  }

  private async step({ billOn, state }: Step, index: number): Promise<void> {
    const asOf = billOn === null ? null : dayAt(billOn);
    if (asOf !== null) await this.bill(asOf, 2);
    const statement = state(this.soFar);
    if (statement === null) return;
    const command = { ...statement.command, idempotencyKey: `step-${index}` };
    const isPreviewed = asOf !== null && isCorrection(command);
    const preview = isPreviewed ? await this.told.test.ledger.preview([command], ADMIN, { at: asOf }) : null;
    const { status } = await this.told.execute(command);
    if (status === 'done') this.soFar.add(statement);
    if (asOf !== null && preview !== null && status !== 'refused')
      await this.expectBooked(preview.lines, asOf, command);
  }

  private async expectBooked(lines: Preview['lines'], asOf: Instant, command: object): Promise<void> {
    const booked = await this.bill(asOf, 1);
    const isTaxExact = isExact(this.world);
    const shown = ({ net, tax }: Amounts) => (isTaxExact ? [text(net), text(tax)] : [text(net)]);
    for (const [index, id] of TENANTS.entries()) {
      const issued = lines.filter((line) => line.tenantId === id && line.invoiceId !== null);
      const promised = {
        net: sum(issued.map(({ difference }) => decimal(difference))),
        tax: sum(issued.map((line) => decimal(line.tax.difference))),
      };
      expect([id, command, ...shown(corrected(booked[index] ?? null))]).toEqual([id, command, ...shown(promised)]);
    }
  }

  /** The last of so many invoices of both tenants. A microsecond makes it another invoice of the same instant. */
  private async bill(asOf: Instant, times: number): Promise<(Invoice | null)[]> {
    if (isBefore(this.metered, asOf)) this.metered = asOf;
    if (this.world.isMetered) await this.told.meter(this.metered);
    let last: (Invoice | null)[] = [];
    for (let time = 0; time < times; time += 1) {
      this.billed += 1;
      const fraction = String(this.billed).padStart(6, '0');
      last = [];
      for (const id of TENANTS) last.push(await this.told.bill(id, asOf.replace('Z', `.${fraction}Z`), END));
    }
    return last;
  }
}

/** Tells a fresh ledger what is true, and bills it once. */
async function tell(told: Told, truth: Truth): Promise<void> {
  await told.apply(...truth.commands());
  if (truth.world.isMetered) await told.meter(END);
  for (const id of TENANTS) await told.bill(id, END, END);
}

async function expectSameBooks(came: TestLedger, told: TestLedger, truth: Truth): Promise<void> {
  const [asCame, asTold] = [await books(came, truth), await books(told, truth)];
  if (isExact(truth.world)) {
    expect(printed(asCame)).toEqual(printed(asTold));
    return;
  }
  expect(printedNet(asCame)).toEqual(printedNet(asTold));
  if (truth.world.hasCredits) return;
  // Tax is rounded once an invoice.
  const most = decimal(money(truth.world, 1)).times(decimal(String((await invoiceCount(came)) + 2)));
  for (const id of TENANTS) expect(taxOf(asCame, id).minus(taxOf(asTold, id)).abs().lte(most)).toBe(true);
}

/** Event by event, each part that comes to another amount is one of those that `diff` rates at all. */
async function expectNoneMissed({ core }: TestLedger): Promise<void> {
  const head = await core.projector.catchUp();
  const deployments = (await readDeployments(core.db, head, null)).map((row) => row.deployment_id);
  // What comes before is mostly what the world begins with.
  let position = Math.floor((head * 3) / 4);
  while (position < head) {
    position += 1;
    const [before, after] = await ratedAt(core, [position - 1, position], deployments, END);
    const changed = await readChangedLines(core.db, { first: position, last: position });
    const missed = [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
      const [old, now] = [before.get(key), after.get(key)];
      const line = (old ?? now)?.line;
      if (line === undefined || (old !== undefined && now !== undefined && old.net.eq(now.net))) return [];
      const isRated = changed.some(
        ({ deployment_id: id, billing_kind: kind }) =>
          id === line.deploymentId && (kind === null || kind === line.billingKind),
      );
      return isRated ? [] : [{ position, line, before: old && text(old.net), after: now && text(now.net) }];
    });
    expect(missed).toEqual([]);
  }
}

/** Lives a history, and tells its truth to a fresh ledger. A failure names the commands of both. */
async function expectTruth({ world, steps }: History, [came, told]: readonly [Told, Told]): Promise<void> {
  const soFar = new StatedSoFar(world);
  try {
    await new Lived(came, world, soFar).live(steps);
    const { truth } = soFar;
    await expectNoneMissed(came.test);
    await tell(told, truth);
    await expectSameBooks(came.test, told.test, truth);
    expect((await came.test.check()).failures).toEqual([]);
    const { outcome, tables, money: amounts } = await came.test.ledger.rebuilder.rebuild();
    const differing = tables.filter((table) => table.onlyLive + table.onlyShadow + table.different > 0);
    expect({ outcome, differing, amounts }).toEqual({ outcome: 'swapped', differing: [], amounts: [] });
  } catch (error) {
    const lines = ({ commands }: Told) => commands.map((command) => JSON.stringify(command)).join('\n');
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\nIt came:\n${lines(came)}\nIt was told:\n${lines(told)}`, { cause: error });
  }
}

describe('a history in which every kind of fact is corrected', () => {
  it(
    `is billed as the final truth, told at once: ${RUNS.numRuns} of them`,
    async () => {
      await fc.assert(
        fc.asyncProperty(histories, async (history) => {
          const ledgers = [await testLedger(), await testLedger()] as const;
          try {
            await expectTruth(history, [new Told(ledgers[0]), new Told(ledgers[1])]);
          } finally {
            for (const each of ledgers) await each.close();
          }
        }),
        RUNS,
      );
    },
    RUNS.numRuns * 120_000,
  );
});
