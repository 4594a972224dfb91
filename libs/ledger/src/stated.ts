import { canonicalJson } from '#domain/canonical-json';
import { type Dated, valuesOver } from '#domain/time/dated';
import { compareInstants, type Instant, isBefore } from '#domain/time/instant';

/**
 * The different values that hold over what a fact states: from its instant until the next fact of its kind. Later facts
 * do not change them, corrections do. `facts`: the instants of all facts of the kind.
 */
export function statedOver(values: readonly Dated[], from: Instant, facts: readonly Instant[]): string[] {
  const until = facts.filter((at) => isBefore(from, at)).sort(compareInstants)[0] ?? null;
  const texts = valuesOver(values, from, until).map((value) => canonicalJson({ ...value, from: undefined }));
  return [...new Set(texts)].sort();
}
