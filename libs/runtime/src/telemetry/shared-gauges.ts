import { Gauge, type Registry } from 'prom-client';

/** The gauges of one scrape share one reading, so that they are of the same moment. An unknown value is absent. */
export class SharedGauges<Reading> {
  private underWay: Promise<Reading | null> | undefined;

  constructor(
    private readonly registry: Registry,
    private readonly read: () => Promise<Reading>,
  ) {}

  add(name: string, help: string, valueIn: (reading: Reading) => number | null): void {
    const reading = async (): Promise<Reading | null> => this.reading();
    new Gauge({
      name,
      help,
      registers: [this.registry],
      async collect() {
        const read = await reading();
        const value = read === null ? null : valueIn(read);
        if (value === null) this.remove();
        else this.set(value);
      },
    });
  }

  /** A gauge for each of these values of a label. */
  addLabelled<Label extends string>(
    name: string,
    help: string,
    label: string,
    valuesIn: (reading: Reading) => ReadonlyMap<Label, number>,
  ): void {
    const reading = async (): Promise<Reading | null> => this.reading();
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      async collect() {
        const read = await reading();
        this.reset();
        if (read !== null) for (const [value, count] of valuesIn(read)) this.set({ [label]: value }, count);
      },
    });
  }

  private async reading(): Promise<Reading | null> {
    return (this.underWay ??= this.read()
      .catch(() => null)
      .finally(() => {
        this.underWay = undefined;
      }));
  }
}
