import { isMonthText } from '../../formats.ts';
import { TextInput } from '@mantine/core';
import { changing } from '../../parts/inputs.ts';

/** The month that a view begins with. The last one is that of the page. */
export function FirstMonth({ month, set }: { readonly month: string; readonly set: (month: string) => void }) {
  return (
    <TextInput
      label="From"
      type="month"
      value={month}
      error={isMonthText(month) ? null : 'Enter a month such as 2026-03'}
      onChange={changing(set)}
    />
  );
}
