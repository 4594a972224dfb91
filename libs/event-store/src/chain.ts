import type { Append } from './append.js';
import type { Appended } from './port.js';

/** Appends to one stream, each of which continues the one before. */
export type Chain = readonly [Append, ...Append[]];

export const continues = (append: Append, before: Append | undefined): boolean =>
  before?.stream === append.stream && before.expectedRevision + before.events.length === append.expectedRevision;

/** The appends of a batch, each with those that directly follow and continue it. */
export function chainsOf(appends: readonly Append[]): Chain[] {
  const chains: [Append, ...Append[]][] = [];
  for (const append of appends) {
    const last = chains.at(-1);
    if (last !== undefined && continues(append, last.at(-1))) last.push(append);
    else chains.push([append]);
  }
  return chains;
}

/** A chain as one append. */
export const asOne = (chain: Chain): Append => ({
  ...chain[0],
  events: chain.flatMap(({ events }) => events),
  bytes: chain.reduce((sum, { bytes }) => sum + bytes, 0),
});

/** What each append of a chain came to, which was appended as one: its positions are dense. */
export function appendedOf(chain: Chain, last: Appended): Appended[] {
  let { revision, position } = last;
  const appended: Appended[] = [];
  for (const { events } of chain.toReversed()) {
    appended.unshift({ revision, position });
    revision -= events.length;
    position -= events.length;
  }
  return appended;
}
