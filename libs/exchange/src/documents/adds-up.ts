import { decimal, sum } from '#domain/money/decimal';

/** The figures of a document contradict each other. It is not rendered, so that it can't be sent. */
class DoesNotAddUp extends Error {
  override readonly name = 'DoesNotAddUp';
  constructor(document: string, what: string, parts: string, whole: string) {
    super(
      `${document} is not rendered: the sum of ${what} is ${parts}, but the document shows ${whole}.` +
        ' Compare its rows with its events (explain) before you send anything.',
    );
  }
}

/** Throws if the parts of a figure do not add up to it. `what`: the name of the parts, in the plural. */
export function assertAddsUp(document: string, what: string, parts: Iterable<string>, whole: string): void {
  const all = sum([...parts].map((part) => decimal(part)));
  if (!all.eq(decimal(whole))) throw new DoesNotAddUp(document, what, all.toFixed(), whole);
}
