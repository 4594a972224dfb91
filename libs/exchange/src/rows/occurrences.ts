import { invalid } from '#domain/errors';

/** At most four fifths of the slots of 8 bytes are used: some 11 bytes per key, so the limit is 140 MB. */
const MOST_KEYS = 12_500_000;
const SEGMENTS = 256;
const FIRST_SLOTS = 64;
const MOST_COUNTED = 255;

/** Slots of two numbers: the high half of a hash; of its low half 24 bits, and a count from 1 to 255. */
class Segment {
  private slots = FIRST_SLOTS;
  private taken = 0;
  private numbers = new Uint32Array(2 * FIRST_SLOTS);

  /** The place of the second number of a key. Its count is 0 if the key is not there. */
  find(high: number, low: number): number {
    let slot = high % this.slots;
    for (;;) {
      const number = this.numbers[2 * slot + 1] ?? 0;
      if (number === 0 || (this.numbers[2 * slot] === high && number >>> 8 === low)) return 2 * slot + 1;
      slot = slot + 1 === this.slots ? 0 : slot + 1;
    }
  }

  countAt(place: number): number {
    return (this.numbers[place] ?? 0) & MOST_COUNTED;
  }

  /** A new key, counted once. */
  add(high: number, low: number): void {
    if (this.taken * 5 >= this.slots * 4) this.grow();
    this.taken += 1;
    this.set(high, (low << 8) | 1);
  }

  increment(place: number): void {
    this.numbers[place] = (this.numbers[place] ?? 0) + 1;
  }

  private set(high: number, number: number): void {
    const place = this.find(high, number >>> 8);
    this.numbers[place - 1] = high;
    this.numbers[place] = number;
  }

  private grow(): void {
    const before = this.numbers;
    this.slots = Math.ceil((this.slots * 5) / 4);
    this.numbers = new Uint32Array(2 * this.slots);
    for (let place = 1; place < before.length; place += 2)
      if (before[place] !== 0) this.set(before[place - 1] ?? 0, before[place] ?? 0);
  }
}

/**
 * Counts how often each key occurs in a file, in some 11 bytes per key: only a 64-bit hash is stored, eight bits of it
 * by the segment. Segments grow one by one, so no second copy of all keys is made. The chance that two of ten million
 * keys have the same hash is 1 in 300,000. The later one is then numbered as a second occurrence, and still counted.
 */
export class Occurrences {
  private readonly segments = Array.from({ length: SEGMENTS }, () => new Segment());
  private taken = 0;
  /** The counts of keys that occur more often than a slot can count, by their hash. */
  private readonly frequent = new Map<string, number>();

  /** 1 for the first occurrence of a key, 2 for the second, … Errors: `too_many_keys`. */
  next(key: string): number {
    const [high, low] = hashOf(key);
    const segment = this.segmentOf(low);
    const place = segment.find(high, low >>> 8);
    const before = segment.countAt(place);
    if (before === MOST_COUNTED) return this.nextOfFrequent(high, low);
    if (before === 0) {
      this.assertRoom();
      segment.add(high, low >>> 8);
    } else segment.increment(place);
    return before + 1;
  }

  /** How often a key has occurred so far. */
  count(key: string): number {
    if (this.taken === 0) return 0;
    const [high, low] = hashOf(key);
    const segment = this.segmentOf(low);
    const count = segment.countAt(segment.find(high, low >>> 8));
    return count === MOST_COUNTED ? (this.frequent.get(`${high} ${low}`) ?? count) : count;
  }

  private segmentOf(low: number): Segment {
    const segment = this.segments[low % SEGMENTS];
    if (segment === undefined) throw new Error('a hash is not a whole number');
    return segment;
  }

  private nextOfFrequent(high: number, low: number): number {
    const name = `${high} ${low}`;
    const count = (this.frequent.get(name) ?? MOST_COUNTED) + 1;
    this.frequent.set(name, count);
    return count;
  }

  private assertRoom(): void {
    this.taken += 1;
    if (this.taken > MOST_KEYS)
      throw invalid(
        'too_many_keys',
        `one file has more than ${MOST_KEYS} rows without an id of their own.` +
          ' Divide it, for example with split -l. The imported rows are kept.',
      );
  }
}

/**
 * The two halves of cyrb53 (public domain): fast, and good enough to distinguish keys. An attacker gains nothing from a
 * collision.
 */
function hashOf(text: string): readonly [number, number] {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 0x9e3779b1);
    low = Math.imul(low ^ code, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return [high >>> 0, low >>> 0];
}
