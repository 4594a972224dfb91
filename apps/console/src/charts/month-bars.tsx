import { Bar, CartesianGrid, ComposedChart, Legend, Line, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import type { MonthMargin } from '../../../../clients/typescript/ledgerline.ts';
import { axisText, moneyText, monthText, shortMonthText } from '../formats.ts';

/** Revenue and cost as bars, margin as a line. Numbers are for drawing: the tooltip shows the amounts as they are. */
export function MonthBars({
  months,
  currency,
}: {
  readonly months: readonly MonthMargin[];
  readonly currency: string;
}) {
  const drawn = months.map(({ month, revenue, cogs, margin }) => ({
    month,
    Revenue: Number(revenue),
    Cost: Number(cogs),
    Margin: Number(margin),
    told: { Revenue: revenue, Cost: cogs, Margin: margin } as Readonly<Record<string, string>>,
  }));
  const first = months[0]?.month ?? '';
  const last = months.at(-1)?.month ?? '';
  return (
    <div className="chart" role="img" aria-label={`Revenue, cost and margin a month from ${first} to ${last}`}>
      <ResponsiveContainer>
        <ComposedChart data={drawn} accessibilityLayer={false}>
          <CartesianGrid strokeDasharray="3 3" vertical={false} />
          <XAxis dataKey="month" tickFormatter={shortMonthText} />
          <YAxis width={70} tickFormatter={(value: number) => axisText(value, currency)} />
          <Tooltip
            labelFormatter={(month) => (typeof month === 'string' ? monthText(month) : month)}
            formatter={(_value, name, { payload }: { payload?: (typeof drawn)[number] }) =>
              moneyText(payload?.told[String(name)] ?? '0', currency)
            }
          />
          <Legend />
          <Bar dataKey="Revenue" fill="#1971c2" isAnimationActive={false} />
          <Bar dataKey="Cost" fill="#868e96" isAnimationActive={false} />
          <Line dataKey="Margin" stroke="#2f9e44" strokeWidth={2} dot={false} isAnimationActive={false} />
        </ComposedChart>
      </ResponsiveContainer>
    </div>
  );
}
