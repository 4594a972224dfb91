import type { Instant } from '#domain/time/instant';

/** A column of a read model: its Postgres type and the TypeScript type of its values. */
export interface Column<Value> {
  /** The Postgres type. */
  readonly type: string;
  readonly isNullable: boolean;
  /** Never set: it only carries the type of the values. */
  readonly value?: Value;
}

interface NotNull<Value> extends Column<Value> {
  /** The same column, whose values may be null. */
  nullable(): Column<Value | null>;
}

export type Columns = Readonly<Record<string, Column<unknown>>>;

/** The type of a column's values. */
export type ValueOf<Of extends Column<unknown>> = Of extends Column<infer Value> ? Value : never;

const column = <Value>(type: string): NotNull<Value> => ({
  type,
  isNullable: false,
  nullable: () => ({ type, isNullable: true }),
});

export const text = column<string>('text');
export const uuid = column<string>('uuid');
/** An exact decimal, as text. */
export const numeric = column<string>('numeric');
export const int = column<number>('int');
/** A log position. A JavaScript number holds it exactly. */
export const bigint = column<number>('bigint');
export const boolean = column<boolean>('boolean');
export const timestamptz = column<Instant>('timestamptz');
/** One of several texts: `oneOf<'day' | 'hour'>()`. */
export const oneOf = <Value extends string>(): NotNull<Value> => column<Value>('text');
/** JSON of a known shape, as it was written: quicker to store than jsonb. Rows are equal if its text is. */
export const json = <Value extends object>(): NotNull<Value> => column<Value>('json');
/** JSON of a known shape. */
export const jsonb = <Value extends object>(): NotNull<Value> => column<Value>('jsonb');
