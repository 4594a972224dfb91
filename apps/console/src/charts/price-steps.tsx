import { CartesianGrid, Legend, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import type { Rate } from '../../../../clients/typescript/ledgerline.ts';
import { axisText, dayText, moneyText, shortMonthText } from '../formats.ts';

/** A price through time, as it was known at some moment. */
export interface KnownPrice {
  readonly title: string;
  readonly rates: readonly Rate[];
}

/** What is known now is a line, and what was known before it is dashed. */
const LOOKS = [
  { stroke: '#1971c2', strokeWidth: 3 },
  { stroke: '#e8590c', strokeWidth: 2, strokeDasharray: '6 4' },
];

const rateAt = (rates: readonly Rate[], at: number): Rate | undefined =>
  rates.find(
    ({ effectiveFrom, effectiveUntil }) =>
      Date.parse(effectiveFrom) <= at && (effectiveUntil === null || at < Date.parse(effectiveUntil)),
  );

/** Prices of one key as steps over time. Numbers are for drawing: the tooltip shows the prices as they are. */
export function PriceSteps({ series, until }: { readonly series: readonly KnownPrice[]; readonly until: string }) {
  const all = series.flatMap(({ rates }) => rates);
  const [currency = null, ...others] = new Set(all.map((each) => each.currency));
  const changes = all.flatMap(({ effectiveFrom, effectiveUntil }) => [
    Date.parse(effectiveFrom),
    ...(effectiveUntil === null ? [] : [Date.parse(effectiveUntil)]),
  ]);
  const drawn = [...new Set([...changes, Date.parse(until)])]
    .sort((a, b) => a - b)
    .map((at) => {
      const inForce = series.map(({ title, rates }) => [title, rateAt(rates, at)] as const);
      return {
        at,
        ...Object.fromEntries(
          inForce.map(([title, rate]) => [title, rate === undefined ? null : Number(rate.unitPrice)]),
        ),
        told: Object.fromEntries(inForce) as Readonly<Record<string, Rate | undefined>>,
      };
    });
  return (
    <div
      className="chart"
      role="img"
      aria-label={`Price over time, in steps: ${series.map(({ title }) => title).join(', ')}`}
    >
      <ResponsiveContainer>
        <LineChart data={drawn} accessibilityLayer={false}>
          <CartesianGrid strokeDasharray="3 3" vertical={false} />
          <XAxis
            dataKey="at"
            type="number"
            scale="time"
            domain={['dataMin', 'dataMax']}
            tickFormatter={(at: number) => shortMonthText(new Date(at))}
          />
          <YAxis width={90} tickFormatter={(value: number) => axisText(value, others.length === 0 ? currency : null)} />
          <Tooltip
            labelFormatter={(at) => `From ${dayText(new Date(Number(at)).toISOString())}`}
            formatter={(_value, name, { payload }: { payload?: (typeof drawn)[number] }) => {
              const rate = payload?.told[String(name)];
              return rate === undefined ? '–' : moneyText(rate.unitPrice, rate.currency);
            }}
          />
          <Legend />
          {series.map(({ title }, index) => (
            <Line
              key={title}
              dataKey={title}
              type="stepAfter"
              dot={false}
              isAnimationActive={false}
              {...LOOKS[index]}
            />
          ))}
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
}
