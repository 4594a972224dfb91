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

/** A month such as 2026-04, or what is typed instead, which is said to be none. */
export const MonthInput = ({ month, set, isOptional = false, ...labels }: Month) => (
  <TextInput
    {...labels}
    type="month"
    value={month}
    error={isMonthText(month) || (isOptional && month === '') ? null : 'Enter a month such as 2026-04'}
    onChange={changing(set)}
  />
);
