import { Bar, BarChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { axisText, dayText, quantityText, shortDayText } from '../formats.ts';

const COLORS = ['#1971c2', '#e8590c', '#2f9e44', '#9c36b5', '#0c8599', '#e03131'];

/** Quantities by day, one bar a kind. */
export function DayBars({
  days,
  kinds,
}: {
  readonly days: readonly Readonly<Record<string, string | number>>[];
  readonly kinds: readonly string[];
}) {
  return (
    <div className="chart" role="img" aria-label={`Usage a day of ${kinds.join(', ')}`}>
      <ResponsiveContainer>
        <BarChart data={[...days]} accessibilityLayer={false}>
          <CartesianGrid strokeDasharray="3 3" vertical={false} />
          <XAxis dataKey="day" tickFormatter={shortDayText} />
          <YAxis
            width={70}
            tickFormatter={(value: number) => axisText(value, null)}
            label={{ value: 'Quantity', angle: -90, position: 'insideLeft' }}
          />
          <Tooltip
            labelFormatter={(day) => (typeof day === 'string' ? dayText(day) : day)}
            formatter={(value) => quantityText(String(value))}
          />
          <Legend />
          {kinds.map((kind, index) => (
            <Bar
              key={kind}
              dataKey={kind}
              stackId="usage"
              fill={COLORS[index % COLORS.length] ?? '#868e96'}
              isAnimationActive={false}
            />
          ))}
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}
