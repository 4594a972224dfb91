import { readFileSync } from 'node:fs';
import { instant, type Instant } from '#domain/time/instant';
import { decimal } from '#domain/money/decimal';

/**
 * A cloud provider's public price list as it was kept for three years: every change of it (facts from the file's
 * history, in the order in which they were recorded), edited in place, with its typos, their fixes, and a fix that was
 * reverted by accident.
 */
export interface ListChange {
  /** When it was written: not always in order. */
  readonly at: Instant;
  readonly subject: string;
  readonly changes: readonly Change[];
}

/** What a change says of an entry, by its number; the entry is then as given. `from` null: from ever. */
type Change = readonly [
  kind: 'added' | 'removed' | 'price' | 'family' | 'date',
  entry: number,
  resourceType: string,
  resourceFamily: string,
  location: string,
  unitPrice: string,
  from: Instant | null,
  billedBy?: '' | 'duration' | 'amount',
];

export const priceListHistory = (): ListChange[] =>
  readFileSync(new URL('price-list.jsonl', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ListChange);

const EVER = instant('0001-01-01T00:00:00Z');

interface Entry {
  readonly key: string;
  readonly unitPrice: string;
  readonly from: Instant;
  readonly basis: 'duration' | 'amount';
}

/**
 * The price list at one moment: of a key, the entry holds that begins last, up to the next one. Written for tests,
 * apart from the product.
 */
export class PriceList {
  private readonly entries = new Map<number, Entry>();

  apply({ changes }: ListChange): void {
    for (const [kind, number, resourceType, resourceFamily, location, unitPrice, from, billedBy] of changes) {
      const basis =
        kind === 'added'
          ? billedBy === 'amount'
            ? 'amount'
            : 'duration'
          : (this.entries.get(number)?.basis ?? 'duration');
      if (kind === 'removed') this.entries.delete(number);
      else
        this.entries.set(number, {
          key: JSON.stringify([resourceType, resourceFamily, location]),
          unitPrice,
          from: from ?? EVER,
          basis,
        });
    }
  }

  keys(): string[] {
    return [...new Set([...this.entries.values()].map(({ key }) => key))];
  }

  /** A key's entries in order of time. */
  ofKey(key: string): Entry[] {
    return [...this.entries.values()].filter((entry) => entry.key === key).sort((a, b) => (a.from < b.from ? -1 : 1));
  }

  priceAt(key: string, at: Instant): string | undefined {
    return this.ofKey(key).findLast(({ from }) => from <= at)?.unitPrice;
  }
}

/** The commands that make of a list the one that it is after a change: what an operator would enter. */
export function commandsOf(before: PriceList, after: PriceList, change: ListChange): object[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys.flatMap((key) => ofKey(key, before, after)).map((command) => ({ ...command, occurredAt: change.at }));

  function ofKey(key: string, was: PriceList, is: PriceList): object[] {
    const [old, next] = [was.ofKey(key), is.ofKey(key)];
    const starts = [...new Set([...old, ...next].map(({ from }) => from))].sort();
    const [resourceType, resourceFamily, location] = JSON.parse(key) as [string, string, string];
    const rate = { resourceType, resourceFamily, location };
    const commands: object[] = [];
    let latest = old.at(-1)?.from;
    let isWithdrawn = false;
    for (const [index, from] of starts.entries()) {
      const until = starts[index + 1];
      const [before_, after_] = [isWithdrawn ? undefined : was.priceAt(key, from), is.priceAt(key, from)];
      const stretch = { effectiveFrom: from, ...(until === undefined ? {} : { effectiveUntil: until }) };
      const basis = next.find((entry) => entry.from <= from)?.basis;
      if (after_ === undefined) {
        if (before_ !== undefined) commands.push({ command: 'withdraw-rate', ...rate, from, reason: change.subject });
        [isWithdrawn, latest] = [true, undefined];
      } else if (
        before_ === undefined ||
        latest === undefined ||
        (from > latest && !decimal(before_).eq(decimal(after_)))
      )
        commands.push({ command: 'set-rate', ...rate, unitPrice: after_, basis, ...stretch });
      else if (!decimal(before_).eq(decimal(after_)))
        commands.push({ command: 'correct-rate', ...rate, unitPrice: after_, ...stretch, reason: change.subject });
    }
    return commands;
  }
}
