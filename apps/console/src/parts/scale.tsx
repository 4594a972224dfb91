import { Link } from 'wouter';
import { periodText, shareOf } from '../formats.ts';
import { useHref } from '../moment.ts';

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
  /** The page that the part is a link to, at the same moment. */
  readonly path?: string | undefined;
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
  const href = useHref();
  return (
    <ol className="scale" aria-label={label}>
      {parts.map(({ key, title, state, period, path }) => {
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
            {path === undefined ? title : <Link href={href(path)}>{title}</Link>}
          </li>
        );
      })}
    </ol>
  );
}
