import { asOfBench } from './as-of.bench.js';
import { type Bench, figure, type Measured } from './bench.js';
import { checkBench } from './check.bench.js';
import { invoiceRunBench } from './invoice-run.bench.js';
import { marginBench } from './margin.bench.js';
import { rebuildBench } from './rebuild.bench.js';

/** The sizes, as multiples of the smallest. */
const STEPS = [1, 3, 10] as const;
/** A curve is linear up to this: other work on the machine makes as much. */
const MOST = 1.15;

type Found = Pick<Measured, 'figures'>;

interface Curve {
  readonly name: string;
  readonly bench: Bench;
  /** Its size for so many readings. */
  readonly sizeOf: (readings: number) => number;
  /** Microseconds for each of what it works on. */
  readonly microsOf: (found: Found, size: number) => number;
}

const of = ({ figures }: Found, name: string): number => {
  const found = figures[name];
  if (found === undefined) throw new Error(`there is no figure ${name}`);
  return found;
};
const micros = (perSecond: number): number => 1_000_000 / perSecond;

const CURVES: readonly Curve[] = [
  {
    ...{ name: 'rebuild', bench: rebuildBench, sizeOf: (readings) => readings },
    microsOf: (found) => micros(of(found, 'rebuiltPerSecond')),
  },
  {
    ...{ name: 'live', bench: rebuildBench, sizeOf: (readings) => readings },
    microsOf: (found) => micros(of(found, 'livePerSecond')),
  },
  {
    ...{ name: 'monthEnd', bench: invoiceRunBench, sizeOf: (readings) => readings / 100 },
    microsOf: (found) => of(found, 'msPerLine') * 1000,
  },
  {
    ...{ name: 'margin', bench: marginBench, sizeOf: (readings) => readings },
    microsOf: (found, size) => (of(found, 'monthMs') * 1000) / size,
  },
  {
    ...{ name: 'asOf', bench: asOfBench, sizeOf: (readings) => readings },
    microsOf: (found, size) => (of(found, 'asOfMs') * 1000) / size,
  },
  {
    ...{ name: 'check', bench: checkBench, sizeOf: (readings) => readings },
    microsOf: (found) => (of(found, 'checkMs') * 1000) / of(found, 'rows'),
  },
];

/** `size`: of the smallest step, in readings. */
export const scaleBench: Bench = {
  name: 'scale',
  summary:
    'rebuild, live projection, month end, margin, as-of and check with N, 3 N and 10 N readings: the time of each' +
    ' reading, line or row at the largest size against that at the smallest',
  size: 100_000,
  bounds: CURVES.map(({ name }) => ({ of: name, most: MOST, from: 100_000 })),
  async measure(size, say, log) {
    const ratios: Record<string, number> = {};
    const figures: Record<string, number> = {};
    const known = new Map<string, Found>();
    for (const { name, bench, sizeOf, microsOf } of CURVES) {
      const times: number[] = [];
      for (const step of STEPS) {
        const at = Math.max(1, Math.round(sizeOf(size * step)));
        const run = `${bench.name} ${at}`;
        if (!known.has(run)) say(`  ${run}`);
        const found = known.get(run) ?? (await bench.measure(at, say, log));
        known.set(run, found);
        times.push(microsOf(found, at));
        figures[`${name}Micros${step}N`] = figure(times.at(-1) ?? 0);
      }
      ratios[name] = figure((times.at(-1) ?? 0) / (times[0] ?? 1));
    }
    return { ratios, figures, checked: true };
  },
};
