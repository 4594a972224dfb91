import { type Decimal, decimal, text } from '#domain/money/decimal';
import { isDomainError } from '#domain/schema';
import { type Instant, instant } from '#domain/time/instant';
import { type Period, period } from '#domain/time/period';
import { type Block, ScenarioError } from './blocks.js';

/**
 * The lines that a story may have, each written as it is used: `DATE use QUANTITY KIND on DEPLOYMENT [until UNTIL]`.
 * A word in capitals stands for what is read there, a word in small letters for itself, and what is in brackets may be
 * left out.
 */
const DATE = String.raw`\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z)?`;
const NUMBER = String.raw`-?\d+(?:\.\d+)?`;
const NAME = String.raw`[^\s=]+`;

/** What a word in capitals is read as; any other is a name. */
const TOKENS: Readonly<Record<string, string>> = {
  DATE,
  FROM: DATE,
  UNTIL: DATE,
  ANCHOR: DATE,
  ASOF: DATE,
  PERIOD: String.raw`\S+\.\.\S+`,
  QUANTITY: NUMBER,
  BEFORE: NUMBER,
  AFTER: `${NUMBER}|nothing`,
  PRICE: NUMBER,
  FLAT: NUMBER,
  NET: NUMBER,
  AMOUNT: NUMBER,
  DISCOUNT: NUMBER,
  SIZE: NUMBER,
  DECIMALS: NUMBER,
  PERCENT: String.raw`\d+(?:\.\d+)?%`,
  INTERVAL: 'monthly|yearly',
  TERM: 'in advance|in arrears',
  MODEL: 'graduated|volume',
  OPERATION: 'divide|multiply',
  ROUNDING: 'up|down|half up',
  CORRECTION: 'reversal|rebooked',
  REF: '[A-Za-z][^\\s=]*',
  STATE: 'billed|open',
  WHY: 'no plan item|no subscription',
  ATTRIBUTES: String.raw`\S+=\S+(?: +\S+=\S+)*`,
  REASON: String.raw`\S.*`,
};

function patternOf(usage: string): RegExp {
  const source = usage.replaceAll(/(\s*)(\[|\]|[A-Z]+|[^\s[\]]+)/g, (_all, space: string, word: string) => {
    const gap = space === '' ? '' : String.raw`\s+`;
    if (word === '[') return `(?:${gap}`;
    if (word === ']') return ')?';
    if (/^[A-Z]+$/.test(word)) return `${gap}(?<${word}>${TOKENS[word] ?? NAME})`;
    return gap + word.replaceAll(/[.+*?^$()|\\]/g, String.raw`\$&`);
  });
  return new RegExp(`^${source}$`);
}

const readInstant = (written: string): Instant =>
  instant(written.includes('T') ? written.replace(/T(\d\d:\d\d)Z$/, 'T$1:00Z') : `${written}T00:00:00Z`);

/** What a line says, by the words in capitals of its form. */
export class Words {
  constructor(private readonly found: Readonly<Record<string, string | undefined>>) {}

  optional(word: string): string | undefined {
    return this.found[word];
  }
  of(word: string): string {
    const written = this.optional(word);
    if (written === undefined) throw new Error(`the form has no ${word}`);
    return written;
  }
  instant(word: string): Instant {
    return readInstant(this.of(word));
  }
  optionalInstant(word: string): Instant | undefined {
    const written = this.optional(word);
    return written === undefined ? undefined : readInstant(written);
  }
  period(word: string): Period {
    const [start = '', end = ''] = this.of(word).split('..');
    return period(readInstant(start), readInstant(end));
  }
  /** A quantity or unit amount, however many zeros it is written with. */
  number(word: string): Decimal {
    return decimal(this.of(word));
  }
  plain(word: string): string | undefined {
    return this.optional(word) === undefined ? undefined : text(this.number(word));
  }
  percent(word: string): string {
    return this.of(word).replace('%', '');
  }
  attributes(word: string): Record<string, string> | undefined {
    const written = this.optional(word);
    return written === undefined
      ? undefined
      : Object.fromEntries(written.split(/ +/).map((pair) => pair.split('=') as [string, string]));
  }
}

export interface Form<Result> {
  readonly usage: string;
  readonly pattern: RegExp;
  readonly read: (words: Words, block: Block) => Result;
}

export const form = <Result>(usage: string, read: Form<Result>['read']): Form<Result> => ({
  usage,
  pattern: patternOf(usage),
  read,
});

/**
 * Reads a line by the first form that it has. What it says must also make sense: a date that exists, a period that ends
 * after it starts.
 */
export function readBlock<Result>(block: Block, forms: readonly Form<Result>[]): Result {
  for (const { pattern, read } of forms) {
    const found = pattern.exec(block.text);
    if (found === null) continue;
    try {
      return read(new Words(found.groups ?? {}), block);
    } catch (error) {
      throw isDomainError(error) ? new ScenarioError(block.place, error.message) : error;
    }
  }
  throw new ScenarioError(
    block.place,
    `can't read ${JSON.stringify(block.text)}; a line here is one ` +
      `of\n${forms.map(({ usage }) => `    ${usage}`).join('\n')}`,
  );
}

export const readChildren = <Result>(block: Block, forms: readonly Form<Result>[]): Result[] =>
  block.children.map((child) => readBlock(child, forms));

/** A line that stands alone. */
export function withoutChildren(block: Block): void {
  const [child] = block.children;
  if (child !== undefined)
    throw new ScenarioError(child.place, `nothing is indented below ${JSON.stringify(block.text)}`);
}
