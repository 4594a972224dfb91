import { invalid } from '#domain/errors';

const FIRST_SLOTS = 1 << 10;
/** 12 bytes per slot, at most three quarters of them used: the limit is 12.5 million keys in 200 MB. */
const MOST_SLOTS = 1 << 24;
const MOST_KEYS = (MOST_SLOTS / 4) * 3;

/**
 * Counts how often each key occurs in a file, in 12 bytes per key: only a 64-bit hash is stored. The chance that two of
 * ten million keys have the same hash is 1 in 300,000. The later one is then numbered as a second occurrence, and still
 * counted.
 */
export class Occurrences {
  private slots = FIRST_SLOTS;
  private taken = 0;
  private hashes = new Uint32Array(2 * FIRST_SLOTS);
  private counts = new Uint32Array(FIRST_SLOTS);

  /** 1 for the first occurrence of a key, 2 for the second, … Errors: `too_many_keys`. */
  next(key: string): number {
    if (this.taken * 4 >= this.slots * 3) this.grow();
    const [high, low] = hashOf(key);
    const slot = this.find(high, low);
    if (this.counts[slot] === 0) {
      this.taken += 1;
      this.hashes[2 * slot] = high;
      this.hashes[2 * slot + 1] = low;
    }
    this.counts[slot] = (this.counts[slot] ?? 0) + 1;
    return this.counts[slot] ?? 0;
  }

  /** How often a key has occurred so far. */
  count(key: string): number {
    return this.taken === 0 ? 0 : (this.counts[this.find(...hashOf(key))] ?? 0);
  }

  private find(high: number, low: number): number {
    const mask = this.slots - 1;
    let slot = low & mask;
    while (this.counts[slot] !== 0 && (this.hashes[2 * slot] !== high || this.hashes[2 * slot + 1] !== low))
      slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    if (this.slots === MOST_SLOTS)
      throw invalid(
        'too_many_keys',
        `one file has more than ${MOST_KEYS} rows without an id of their own.` +
          ' Divide it, for example with split -l. The imported rows are kept.',
      );
    const [hashes, counts] = [this.hashes, this.counts];
    this.slots *= 2;
    this.hashes = new Uint32Array(2 * this.slots);
    this.counts = new Uint32Array(this.slots);
    for (const [old, count] of counts.entries()) {
      if (count === 0) continue;
      const [high, low] = [hashes[2 * old] ?? 0, hashes[2 * old + 1] ?? 0];
      const slot = this.find(high, low);
      this.hashes[2 * slot] = high;
      this.hashes[2 * slot + 1] = low;
      this.counts[slot] = count;
    }
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
