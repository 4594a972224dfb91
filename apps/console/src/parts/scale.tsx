import { periodText, shareOf } from '../formats.ts';

interface Span {
  readonly start: string;
  readonly end: string;
}

/** A part of something, drawn as long as it lasts. */
export interface ScalePart {
  readonly key: string;
  readonly title: string;
  readonly state: 'own' | 'other' | 'open';
  readonly period: Span;
  readonly href?: string | undefined;
}

/** Parts of a whole period, drawn to scale, and as a list for whoever does not see it. */
export function Scale({
  label,
  whole,
  parts,
  timeZone = 'UTC',
}: {
  readonly label: string;
  readonly whole: Span;
  readonly parts: readonly ScalePart[];
  readonly timeZone?: string;
}) {
  return (
    <ol className="scale" aria-label={label}>
      {parts.map(({ key, title, state, period, href }) => {
        const { from, width } = shareOf(period, whole);
        const text = `${title}, ${periodText(period, timeZone)}`;
        return (
          <li
            key={key}
            className="part"
            data-state={state}
            title={text}
            style={{ left: `${from}%`, width: `${width}%` }}
          >
            {href === undefined ? title : <a href={href}>{title}</a>}
          </li>
        );
      })}
    </ol>
  );
}
