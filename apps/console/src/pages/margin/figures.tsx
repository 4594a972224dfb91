import type { MarginFigures } from '../../../../../clients/typescript/ledgerline.ts';
import { isZero } from '../../formats.ts';
import type { Column } from '../../parts/table.tsx';

/** What a view of the page Margin shows. */
export interface Shown {
  /** 2026-04 */
  readonly month: string;
  readonly currency: string;
}

/** The question of all views that need no deployment: the same one, so that it is asked once. */
export const withoutDeployments = ({ month, currency }: Shown) =>
  ({ period: month, currency, withoutDeployments: 'true' }) as const;

/** Amounts and percentages of a margin. Where policies share cost, the margin is shown before and after that. */
export const FIGURES = {
  plain: [
    ['Revenue', 'revenue'],
    ['Cost', 'cogs'],
    ['Margin', 'margin'],
  ],
  shared: [
    ['Revenue', 'revenue'],
    ['Direct cost', 'directCogs'],
    ['Direct margin', 'directMargin'],
    ['Shared cost', 'sharedCogs'],
    ['Loaded margin', 'margin'],
  ],
} as const;

/** `isShared`: policies share cost in what is shown. */
export const figuresOf = (isShared: boolean): (typeof FIGURES)['plain'] | (typeof FIGURES)['shared'] =>
  isShared ? FIGURES.shared : FIGURES.plain;

export const figureColumns = (currency: string, isShared: boolean): readonly Column<MarginFigures>[] => [
  ...figuresOf(isShared).map(([title, name]) => ({ title, value: (row: MarginFigures) => row[name], currency })),
  { title: isShared ? 'Loaded margin %' : 'Margin %', value: (row) => row.marginPct, isNumber: true },
];

export const hasShared = (rows: readonly { readonly sharedCogs: string }[]): boolean =>
  rows.some(({ sharedCogs }) => !isZero(sharedCogs));
