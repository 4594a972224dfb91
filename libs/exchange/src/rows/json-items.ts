/** An item of a list in a JSON document: which list, and its text. */
export interface JsonItem {
  /** The number of the list's path. */
  readonly list: number;
  readonly text: string;
}

interface Container {
  readonly isObject: boolean;
  /** The paths that lead through it. */
  readonly paths: readonly number[];
  /** The number of the path that leads to it, if it is a list. */
  readonly list: number | null;
}

const [QUOTE, COMMA, COLON] = [34, 44, 58];
const [BRACKET, END_OF_BRACKET, BRACE, END_OF_BRACE] = [91, 93, 123, 125];
const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9;

/**
 * Takes the items out of the lists of a JSON document while it is read, so that no document is too large. `paths`: the
 * keys that lead to each list; none for a document that is a list. What it takes is not checked: parse each item, and
 * at the end what is left, which is the document with empty lists.
 */
export class JsonItems {
  private text = '';
  private at = 0;
  /** Where the item, and the key, begin that are being read. */
  private item: number | null = null;
  private key: number | null = null;
  private lastKey = '';
  private depth = 0;
  /** The next one, once it was searched. */
  private backslash = -1;
  private isInString = false;
  private isAfterItem = false;
  private isAfterComma = false;
  private readonly containers: Container[] = [];
  private readonly seen = new Set<number>();
  private kept = '';
  private keptFrom = 0;
  private items: JsonItem[] = [];

  constructor(private readonly paths: readonly (readonly string[])[]) {}

  /** The items that end within this text. Errors: SyntaxError. */
  take(text: string): readonly JsonItem[] {
    this.text += text;
    this.backslash = -1;
    while (this.at < this.text.length) {
      this.read(this.text.charCodeAt(this.at));
      this.at += 1;
    }
    if (this.list === null) this.keep(this.text.length);
    const start = Math.min(this.item ?? this.text.length, this.key ?? this.text.length);
    this.text = this.text.slice(start);
    this.at -= start;
    this.keptFrom = this.text.length;
    if (this.item !== null) this.item -= start;
    if (this.key !== null) this.key -= start;
    const { items } = this;
    this.items = [];
    return items;
  }

  /** The document without the items. Errors: SyntaxError, if it is cut off within one. */
  end(): string {
    if (this.list !== null) throw new SyntaxError('Unexpected end of JSON input');
    return this.kept;
  }

  /** The list that is being read. */
  private get list(): number | null {
    return this.containers.at(-1)?.list ?? null;
  }

  private read(code: number): void {
    if (this.isInString) this.readString();
    else if (this.item !== null) this.readItem(code);
    else if (this.list !== null) this.readList(code);
    else this.readRest(code);
  }

  /** Most of a document is strings: their ends are searched. */
  private readString(): void {
    const quote = this.next('"');
    if (this.backslash < this.at) this.backslash = this.next('\\');
    // Past the character that it escapes, which may be the first of the next text.
    if (this.backslash < quote) this.at = this.backslash + 1;
    else if (quote === Infinity) this.at = this.text.length - 1;
    else {
      this.at = quote;
      this.isInString = false;
      if (this.key === null) return;
      this.lastKey = this.text.slice(this.key, this.at + 1);
      this.key = null;
    }
  }

  private next(character: string): number {
    const found = this.text.indexOf(character, this.at);
    return found === -1 ? Infinity : found;
  }

  private readItem(code: number): void {
    if (code === QUOTE) this.isInString = true;
    else if (code === BRACE || code === BRACKET) this.depth += 1;
    else if (this.depth === 0 && (code === COMMA || code === END_OF_BRACKET)) {
      this.endItem(this.at);
      this.readList(code);
    } else if (code === END_OF_BRACE || code === END_OF_BRACKET) {
      this.depth -= 1;
      if (this.depth === 0) this.endItem(this.at + 1);
    }
  }

  private endItem(end: number): void {
    this.items.push({ list: this.list ?? 0, text: this.text.slice(this.item ?? 0, end) });
    this.item = null;
    this.isAfterItem = true;
    this.isAfterComma = false;
  }

  private readList(code: number): void {
    if (isSpace(code)) return;
    if (code === END_OF_BRACKET) {
      if (this.isAfterComma) throw new SyntaxError("Unexpected token ']' after a comma");
      this.containers.pop();
      this.keptFrom = this.at;
    } else if (code === COMMA) {
      if (!this.isAfterItem) throw new SyntaxError("Unexpected token ','");
      [this.isAfterItem, this.isAfterComma] = [false, true];
    } else {
      if (this.isAfterItem) throw new SyntaxError(`Unexpected token '${String.fromCharCode(code)}' after an item`);
      this.item = this.at;
      this.depth = 0;
      this.readItem(code);
    }
  }

  /** What is not taken is checked as a whole at the end. */
  private readRest(code: number): void {
    if (code === QUOTE) {
      this.isInString = true;
      if (this.containers.at(-1)?.isObject === true) this.key = this.at;
    } else if (code === BRACE || code === BRACKET) this.open(code === BRACE);
    else if (code === END_OF_BRACE || code === END_OF_BRACKET) this.containers.pop();
    else if (code === COLON) this.lastKey = keyIn(this.lastKey);
  }

  private open(isObject: boolean): void {
    const around = this.containers.at(-1);
    const depth = this.containers.length;
    const through = around?.isObject === true ? around.paths : [];
    const paths =
      around === undefined
        ? [...this.paths.keys()]
        : through.filter((n) => this.paths[n]?.[depth - 1] === this.lastKey);
    const list = isObject ? undefined : paths.find((n) => this.paths[n]?.length === depth);
    if (list !== undefined) {
      if (this.seen.has(list)) throw new SyntaxError(`Duplicate key ${JSON.stringify(this.lastKey)}`);
      this.seen.add(list);
      [this.isAfterItem, this.isAfterComma] = [false, false];
      this.keep(this.at + 1);
    }
    this.containers.push({ isObject, paths, list: list ?? null });
  }

  private keep(end: number): void {
    this.kept += this.text.slice(this.keptFrom, end);
    this.keptFrom = end;
  }
}

/** Errors: SyntaxError. */
function keyIn(text: string): string {
  const key: unknown = JSON.parse(text);
  return String(key);
}
