import { randomInt } from 'node:crypto';
import { excludedGranularity, type ReadingKey } from '#domain/usage/usage';

/**
 * What stands for a reading in memory: 32 bits of its key, of its day, and of the day that would exclude it. 0: it has
 * none. Two readings may have the same, but one reading never has two.
 */
export interface Prints {
  readonly key: number;
  /** Of the resource, kind and UTC day, for each granularity. */
  readonly day: number;
  /** The print that the day has where a recorded reading excludes this one. */
  readonly excluder: number;
}

/** Unknown to senders: they can't choose keys that are slow to find. */
const START = randomInt(2 ** 32);
const PRIME = 0x01_00_01_93;
const SEPARATOR = 1;
const DATE_LENGTH = 10;

/** FNV-1a over UTF-16, up to a length. */
function mixed(hash: number, text: string, length = text.length): number {
  let mix = hash;
  for (let at = 0; at < length; at += 1) mix = Math.imul(mix ^ text.charCodeAt(at), PRIME);
  return Math.imul(mix ^ SEPARATOR, PRIME);
}

/** Spreads what differs over all bits. Never 0. */
function spread(hash: number): number {
  let mix = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2_b2_ae_35);
  return (mix ^ (mix >>> 16)) >>> 0 || 1;
}

/** 32 bits of a text. Two texts may have the same. */
export const printOf = (text: string): number => spread(mixed(START, text));

/**
 * Without the provider: readings that differ only in it are decided by what is recorded. That of an event of a source
 * is of its id: sent again, it may have another time.
 */
export function printsOf({ resourceId, billingKind, period, granularity, sourceId = '' }: ReadingKey): Prints {
  if (granularity === 'event' && sourceId !== '') return { key: printOf(sourceId), day: 0, excluder: 0 };
  const resource = mixed(mixed(START, resourceId), billingKind);
  const whole = mixed(mixed(mixed(resource, period.start), period.end), granularity);
  const key = spread(mixed(whole, sourceId));
  const other = excludedGranularity(granularity);
  if (other === null) return { key, day: 0, excluder: 0 };
  const day = mixed(resource, period.start, DATE_LENGTH);
  return { key, day: spread(mixed(day, granularity)), excluder: spread(mixed(day, other)) };
}

/** At most this part of the slots is in use: else a search takes long. */
const FULL = 0.75;
const FIRST_SLOTS = 64;

/** A set of prints: 5 to 11 bytes for each. */
export class PrintSet {
  private slots = new Uint32Array(FIRST_SLOTS);
  private used = 0;

  /** Of 4 bytes each. */
  get length(): number {
    return this.slots.length;
  }

  has(print: number): boolean {
    return this.slots[this.placeOf(print)] === print;
  }

  add(print: number): void {
    const place = this.placeOf(print);
    if (this.slots[place] === print) return;
    this.slots[place] = print;
    this.used += 1;
    if (this.used > this.slots.length * FULL) this.grow();
  }

  /** Where it is, or would be. */
  private placeOf(print: number): number {
    const last = this.slots.length - 1;
    for (let at = print & last; ; at = (at + 1) & last) {
      const found = this.slots[at];
      if (found === print || found === 0) return at;
    }
  }

  private grow(): void {
    const before = this.slots;
    this.slots = new Uint32Array(before.length * 2);
    for (const print of before) if (print !== 0) this.slots[this.placeOf(print)] = print;
  }
}

/**
 * The keys of readings, as prints. It may take a new reading for a known one, one of some hundred thousand, but never a
 * known one for a new one.
 */
export class KeyPrints {
  private readonly prints = new PrintSet();

  /** How much memory they take, in slots of 4 bytes. */
  get slots(): number {
    return this.prints.length;
  }

  add({ key, day }: Prints): void {
    this.prints.add(key);
    if (day !== 0) this.prints.add(day);
  }

  /** false: it has no reading of this key, nor one that would exclude it. */
  mayKnow({ key, excluder }: Prints): boolean {
    return this.prints.has(key) || (excluder !== 0 && this.prints.has(excluder));
  }
}
