import { instant } from '#domain/time/instant';
import { lengthMicros, type Period } from '#domain/time/period';

const WIDTH = 60;

export interface DrawnLine {
  readonly parentLineId: string | null;
  readonly status: string;
  readonly invoiceId: string | null;
  readonly period: { readonly start: string; readonly end: string };
  readonly net: string;
}

/**
 * Draws a line and its parts over the period of the line, to scale:
 *
 *   line L   split  |------------------------------------------------------------|
 *   part P1  valid  |------------------------------|                               billed 3.12
 *   part P2  valid                                 |-----------------------------| open
 */
export function splitDrawing(lines: readonly DrawnLine[]): string[] {
  const line = lines.find(({ status }) => status === 'split') ?? lines[0];
  if (line === undefined) return [];
  const whole = toPeriod(line.period);
  const parts = lines.filter(({ parentLineId }) => parentLineId !== null);
  return [
    `line L   ${line.status}  ${bar(whole, whole)}  ${parts.length === 0 ? '' : 'groups its parts'}`.trimEnd(),
    ...parts.map((part, index) => {
      const state = part.invoiceId === null ? 'open' : `billed ${part.net}`;
      return `part P${index + 1}  ${part.status}  ${bar(toPeriod(part.period), whole)}  ${state}`;
    }),
  ];
}

const toPeriod = ({ start, end }: { start: string; end: string }): Period => ({
  start: instant(start),
  end: instant(end),
});

function bar(part: Period, whole: Period): string {
  const column = (at: Period): number =>
    at.start === at.end ? 0 : Number((lengthMicros(at) * BigInt(WIDTH)) / lengthMicros(whole));
  const from = part.start === whole.start ? 0 : column({ start: whole.start, end: part.start });
  const to = column({ start: whole.start, end: part.end });
  return `${' '.repeat(from)}|${'-'.repeat(Math.max(to - from - 1, 0))}|`.padEnd(WIDTH + 1);
}
