import { Bar, BarChart, CartesianGrid, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { decimal, text } from '#domain/money/decimal';
import { axisText, isNegative, moneyText } from '../formats.ts';

interface Amount {
  readonly title: string;
  readonly amount: string;
}

const [WHOLE, MORE, LESS] = ['#1971c2', '#2f9e44', '#c92a2a'];

/** A bar's height, and that of the axis. */
const [BAR_PX, AXIS_PX] = [38, 48];

/** The lower end first: from the other way round, the axis would not be made for what lies below 0. */
const spanOf = (one: string, other: string): number[] => [Number(one), Number(other)].sort((a, b) => a - b);

/**
 * A margin, the parts that are added to it or taken from it, each from where the last one ended, and the margin that
 * they come to. Numbers are for drawing: the tooltip shows the amounts as they are.
 */
export function BridgeBars({
  from,
  to,
  parts,
  currency,
}: {
  readonly from: Amount;
  readonly to: Amount;
  readonly parts: readonly Amount[];
  readonly currency: string;
}) {
  let reached = decimal(from.amount);
  const drawn = [{ ...from, span: spanOf('0', from.amount), fill: WHOLE }];
  for (const part of parts) {
    const start = reached;
    reached = reached.plus(decimal(part.amount));
    const span = spanOf(text(start), text(reached));
    drawn.push({ ...part, span, fill: isNegative(part.amount) ? LESS : MORE });
  }
  drawn.push({ ...to, span: spanOf('0', to.amount), fill: WHOLE });
  const label = drawn.map(({ title, amount }) => `${title} ${moneyText(amount, currency)}`).join(', ');
  return (
    <div className="chart" role="img" aria-label={label} style={{ height: drawn.length * BAR_PX + AXIS_PX }}>
      <ResponsiveContainer>
        <BarChart data={drawn} layout="vertical" accessibilityLayer={false}>
          <CartesianGrid strokeDasharray="3 3" horizontal={false} />
          <XAxis type="number" tickFormatter={(value: number) => axisText(value, currency)} />
          <YAxis type="category" dataKey="title" width={120} interval={0} />
          <Tooltip
            formatter={(_value, _name, { payload }: { payload?: (typeof drawn)[number] }) => [
              moneyText(payload?.amount ?? '0', currency),
              'Amount',
            ]}
          />
          <ReferenceLine x={0} stroke="#868e96" />
          <Bar dataKey="span" isAnimationActive={false} />
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}
