import { Bar, BarChart, CartesianGrid, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { axisText, moneyText } from '../formats.ts';

/** A part of a whole, with an amount of each series. */
export interface DrawnPart {
  readonly title: string;
  readonly amounts: readonly string[];
  /** Opens what the part is made of. undefined: it can't be opened. */
  readonly open?: () => void;
}

/** A series: its title, and the color of its bars. */
export type Series = readonly [title: string, fill: string];

/** A bar's height, the space around those of a part, and the axis below them. */
const [BAR_PX, SPACE_PX, AXIS_PX] = [12, 14, 30];

/**
 * Parts as groups of bars, beside their titles, which are buttons: who has no mouse opens a part as well. Numbers are
 * for drawing: the tooltip and the label show the amounts as they are.
 */
export function PartBars({
  parts,
  series,
  currency,
}: {
  readonly parts: readonly DrawnPart[];
  readonly series: readonly Series[];
  readonly currency: string;
}) {
  const partPx = series.length * BAR_PX + SPACE_PX;
  const drawn = parts.map(({ amounts }, index) => ({ index, amounts, spans: amounts.map(Number) }));
  const label = parts.map((part) => labelOf(part, series, currency)).join('; ');
  return (
    <div className="part-bars">
      <ul className="part-titles" style={{ gridAutoRows: partPx }}>
        {parts.map((part, index) => (
          // Titles need not differ: deployments of two tenants can have one name.
          <li key={index} title={part.title}>
            {part.open === undefined ? (
              <span>{part.title}</span>
            ) : (
              <button type="button" aria-label={labelOf(part, series, currency)} onClick={part.open}>
                {part.title}
              </button>
            )}
          </li>
        ))}
      </ul>
      <div className="chart" role="img" aria-label={label} style={{ height: parts.length * partPx + AXIS_PX }}>
        <ResponsiveContainer>
          <BarChart
            data={drawn}
            layout="vertical"
            margin={{ top: 0, bottom: 0, left: 0, right: 12 }}
            accessibilityLayer={false}
          >
            <CartesianGrid strokeDasharray="3 3" horizontal={false} />
            <XAxis type="number" height={AXIS_PX} tickFormatter={(value: number) => axisText(value, currency)} />
            <YAxis type="category" dataKey="index" hide />
            <Tooltip
              cursor={{ fillOpacity: 0.2 }}
              labelFormatter={(index) => parts[Number(index)]?.title}
              formatter={(_value, name, { payload }: { payload?: (typeof drawn)[number] }) =>
                moneyText(payload?.amounts[series.findIndex(([title]) => title === name)] ?? '0', currency)
              }
            />
            <ReferenceLine x={0} stroke="#868e96" />
            {series.map(([title, fill], index) => (
              <Bar
                key={title}
                name={title}
                dataKey={`spans.${index}`}
                fill={fill}
                barSize={BAR_PX}
                isAnimationActive={false}
                onClick={(_bar, part) => parts[part]?.open?.()}
              />
            ))}
          </BarChart>
        </ResponsiveContainer>
      </div>
    </div>
  );
}

/** `Acme Revenue $3.99, Cost $3.00, Margin $0.99` */
const labelOf = ({ title, amounts }: DrawnPart, series: readonly Series[], currency: string): string =>
  `${title} ${series.map(([name], index) => `${name} ${moneyText(amounts[index] ?? '0', currency)}`).join(', ')}`;
