import { TextInput } from '@mantine/core';
import { isMonthText } from '../formats.ts';
import { changing } from './inputs.ts';

interface Month {
  readonly label?: string;
  /** The label where none is shown. */
  readonly 'aria-label'?: string;
  readonly month: string;
  readonly set: (month: string) => void;
  /** Whether it may be empty. Default: no. */
  readonly isOptional?: boolean;
}

/**
 * What a browser takes of a text as a month: nothing of `soon`, of which it warns, and all of it where it has no field
 * for months.
 */
function takenOf(text: string): string {
  const input = document.createElement('input');
  input.type = 'month';
  input.value = text;
  return input.value;
}

/** A month such as 2026-04, or what is typed or in the address instead, which is said to be none. */
export const MonthInput = ({ month, set, isOptional = false, ...labels }: Month) => (
  <TextInput
    {...labels}
    type="month"
    value={takenOf(month)}
    error={isMonthText(month) || (isOptional && month === '') ? null : 'Enter a month such as 2026-04'}
    onChange={changing(set)}
  />
);
