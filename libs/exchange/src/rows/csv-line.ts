import { guarded } from './formulas.js';

const NEEDS_QUOTES = /[",\r\n]/;

/** A line of a CSV (RFC 4180), without its end. null is an empty cell, an object is JSON. */
export const csvLine = (values: readonly unknown[]): string => values.map(cellOf).join(',');

function cellOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? guarded(value) : JSON.stringify(value);
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
