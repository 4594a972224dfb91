import { open } from 'node:fs/promises';

/** The files of the backfill bench. They are written piece by piece: ten million rows do not fit into memory. */

const ROWS_PER_WRITE = 10_000;
const HOUR_MS = 3_600_000;

const at = (from: number, hours: number): string => `${new Date(from + hours * HOUR_MS).toISOString().slice(0, 19)}Z`;

async function writeRows(file: string, header: string, size: number, line: (n: number) => string): Promise<void> {
  const out = await open(file, 'w');
  try {
    await out.write(`${header}\n`);
    for (let from = 0; from < size; from += ROWS_PER_WRITE) {
      const rows = Array.from({ length: Math.min(ROWS_PER_WRITE, size - from) }, (_, index) => line(from + index));
      await out.write(`${rows.join('\n')}\n`);
    }
  } finally {
    await out.close();
  }
}

export const DEPLOYMENTS = 20;
export const RESOURCES = 1000;
const USAGE_FROM = Date.UTC(2026, 0, 1);

export interface UsageRow {
  readonly deployment: string;
  readonly resource: string;
  readonly start: string;
  readonly end: string;
  readonly quantity: string;
}

/** Hour by hour of all resources, as a meter writes it. Quantities are eighths: 0 to 12. */
export function usageRow(n: number): UsageRow {
  const [hour, resource] = [Math.floor(n / RESOURCES), n % RESOURCES];
  return {
    deployment: `d-${resource % DEPLOYMENTS}`,
    resource: `r-${resource}`,
    start: at(USAGE_FROM, hour),
    end: at(USAGE_FROM, hour + 1),
    quantity: String((n % 97) / 8),
  };
}

/** `isQuoted`: every field is in quotes, as many programs write CSV. */
export async function writeUsage(file: string, size: number, isQuoted: boolean): Promise<void> {
  const separator = isQuoted ? '","' : ',';
  const quote = isQuoted ? '"' : '';
  await writeRows(file, 'deploymentId,resourceId,billingKind,start,end,granularity,quantity', size, (n) => {
    const { deployment, resource, start, end, quantity } = usageRow(n);
    return `${quote}${[deployment, resource, 'cpu_hours', start, end, 'hour', quantity].join(separator)}${quote}`;
  });
}

const RESOURCES_OF_BILL = 2000;
const HOURS_OF_BILL = 720;
const BILL_FROM = Date.UTC(2026, 3, 1);

/** 1250 thousandths are 1.250. */
const dollars = (thousandths: number): string =>
  `${Math.floor(thousandths / 1000)}.${String(thousandths % 1000).padStart(3, '0')}`;

/** 0.001 to 0.997 dollars, in thousandths. */
const costOf = (n: number): number => (n % 997) + 1;

/** The sum of the billed costs of the first rows, in dollars with three decimals. */
export function billedCost(size: number): string {
  let sum = 0;
  for (let n = 0; n < size; n += 1) sum += costOf(n);
  return dollars(sum);
}

/** A row of FOCUS 1.0 with the columns that AWS fills for a virtual machine: column → value of the n-th row. */
function focusRow(n: number): Readonly<Record<string, string>> {
  const [hour, resource] = [Math.floor(n / RESOURCES_OF_BILL) % HOURS_OF_BILL, n % RESOURCES_OF_BILL];
  const cost = `${dollars(costOf(n))}0000000`;
  const region = `eu-west-${resource % 3}`;
  const account = `1110000000${resource % 10}`;
  return {
    AvailabilityZone: `${region}a`,
    BilledCost: cost,
    BillingAccountId: '999900001111',
    BillingAccountName: 'Example Inc.',
    BillingCurrency: 'USD',
    BillingPeriodEnd: '2026-05-01T00:00:00Z',
    BillingPeriodStart: '2026-04-01T00:00:00Z',
    ChargeCategory: 'Usage',
    ChargeClass: '',
    ChargeDescription: `$0.0${resource % 9}1 per On Demand Linux m5.large Instance Hour`,
    ChargeFrequency: 'Usage-Based',
    ChargePeriodEnd: at(BILL_FROM, hour + 1),
    ChargePeriodStart: at(BILL_FROM, hour),
    CommitmentDiscountCategory: '',
    CommitmentDiscountId: '',
    CommitmentDiscountName: '',
    CommitmentDiscountStatus: '',
    CommitmentDiscountType: '',
    ConsumedQuantity: '1',
    ConsumedUnit: 'Hours',
    ContractedCost: cost,
    ContractedUnitPrice: cost,
    EffectiveCost: cost,
    InvoiceIssuerName: 'Amazon Web Services, Inc.',
    ListCost: cost,
    ListUnitPrice: cost,
    PricingCategory: 'Standard',
    PricingQuantity: '1',
    PricingUnit: 'Hours',
    ProviderName: 'AWS',
    PublisherName: 'Amazon Web Services, Inc.',
    RegionId: region,
    RegionName: 'EU (Ireland)',
    ResourceId: `arn:aws:ec2:${region}:${account}:instance/i-${String(resource).padStart(17, '0')}`,
    ResourceName: '',
    ResourceType: 'instance',
    ServiceCategory: 'Compute',
    ServiceName: 'Amazon Elastic Compute Cloud',
    SkuId: `SKU${resource % 40}`,
    SkuPriceId: `SKU${resource % 40}.JRTCKXETXF.6YS6EN2CT7`,
    SubAccountId: account,
    SubAccountName: `team-${resource % 10}`,
    Tags: `"{""env"": ""prod"", ""team"": ""team-${resource % 10}""}"`,
  };
}

/** A provider's bill of one month in FOCUS. */
export async function writeFocus(file: string, size: number): Promise<void> {
  const quoted = (value: string): string => (value.includes(',') && !value.startsWith('"') ? `"${value}"` : value);
  await writeRows(file, Object.keys(focusRow(0)).join(','), size, (n) =>
    Object.values(focusRow(n)).map(quoted).join(','),
  );
}
