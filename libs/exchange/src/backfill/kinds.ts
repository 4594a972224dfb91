import { FROM_EVER, type Instant, isInstant } from '#domain/time/instant';
import type { CommandCall } from '#ledger/command';
import { CommandImport } from './command-import.js';
import { type FileImport, importFile } from './import-file.js';
import type { BackfillKind } from '../rows/mapping.js';
import type { Importer } from '../rows/outcome.js';
import { awsCostReport } from '../presets/aws.js';
import { azureAmortizedCost, azureCostDetails } from '../presets/azure.js';
import { type CostItem, genericCosts } from '../presets/costs.js';
import { digitalOceanInvoiceCsv, digitalOceanInvoiceItems } from '../presets/digitalocean-invoice.js';
import { cloudEvents, stripeMeterEvents } from '../presets/events.js';
import { focusCosts } from '../presets/focus.js';
import { gcpBilling } from '../presets/gcp.js';
import { ociCostReport } from '../presets/oci.js';
import { openCostAllocations } from '../presets/opencost.js';
import type { Preset } from '../presets/preset.js';
import { prometheusSamples } from '../presets/prometheus.js';
import { genericRates, ubicloudRates } from '../presets/rates.js';
import { type CommandItem, digitalOceanApi, genericResources } from '../presets/resources.js';
import { tokenTrace } from '../presets/token-trace.js';
import { genericUsage, type UsageItem } from '../presets/usage.js';
import type { Source } from '../rows/source.js';
import type { Surveyed } from './survey.js';
import { UsageImport } from './usage-import.js';
import type { Work } from './work.js';

// The last preset of a kind is the generic one. It reads files that no other preset recognises.
const USAGE = [cloudEvents, stripeMeterEvents, prometheusSamples, tokenTrace, genericUsage];
const COSTS = [
  focusCosts,
  awsCostReport,
  azureCostDetails,
  azureAmortizedCost,
  gcpBilling,
  ociCostReport,
  openCostAllocations,
  digitalOceanInvoiceCsv,
  digitalOceanInvoiceItems,
  genericCosts,
];
const RESOURCES = [digitalOceanApi, genericResources];
const RATES = [ubicloudRates, genericRates];

/** The presets of each kind, to find the one that fits a file. */
export const PRESETS: Readonly<Record<BackfillKind, readonly Preset<unknown>[]>> = {
  costs: COSTS,
  usage: USAGE,
  rates: RATES,
  resources: RESOURCES,
};

/** Reads a file of a delivery of costs, for `importer`. */
export const importCostFile = async (
  source: Source,
  importer: Importer<CostItem>,
  { surveyor }: Work,
  common: Omit<FileImport<never>, 'presets' | 'importer' | 'survey'>,
): Promise<void> =>
  importFile(source, { ...common, presets: COSTS, importer, survey: (item) => surveyor.add(costSurveyed(item)) });

/** Imports a file of one kind: its presets, its importer, and the subject of a row. */
export async function importKind({
  kind,
  source,
  call,
  work: { core, carryOut, isDry, surveyor },
  common,
}: {
  readonly kind: Exclude<BackfillKind, 'costs'>;
  readonly source: Source;
  readonly call: CommandCall;
  readonly work: Work;
  readonly common: Omit<FileImport<never>, 'presets' | 'importer' | 'survey'>;
}): Promise<void> {
  const { report } = common;
  const surveying =
    <Item>(of: (item: Item) => Surveyed) =>
    (item: Item): void =>
      surveyor.add(of(item));
  switch (kind) {
    case 'usage':
      return importFile(source, {
        ...common,
        presets: USAGE,
        importer: new UsageImport(core, call, source, report, isDry),
        survey: surveying(usageSurveyed),
      });
    case 'resources':
      return importFile(source, {
        ...common,
        presets: RESOURCES,
        importer: new CommandImport(carryOut, source, report),
        survey: surveying(commandSurveyed('kind')),
      });
    case 'rates':
      return importFile(source, {
        ...common,
        presets: RATES,
        importer: new CommandImport(carryOut, source, report),
        survey: surveying(commandSurveyed('resourceType')),
      });
  }
}

const usageSurveyed = ({ deploymentId, observation: { billingKind, period, quantity } }: UsageItem): Surveyed => ({
  kind: billingKind,
  from: period.start,
  until: period.end,
  deploymentId,
  amount: quantity,
});

const costSurveyed = ({ line: { kind, chargePeriod, amount, currency, tenantId } }: CostItem): Surveyed => ({
  kind,
  from: chargePeriod.start,
  until: chargePeriod.end,
  amount,
  currency,
  ...(tenantId === undefined ? {} : { tenantId }),
});

const commandSurveyed =
  (field: 'kind' | 'resourceType') =>
  ({ command, order }: CommandItem): Surveyed => {
    const at: Instant | null = isInstant(order) && order !== FROM_EVER ? order : null;
    const { [field]: kind, deploymentId, tenantId } = command;
    return {
      kind: String(kind),
      from: at,
      until: at,
      ...(typeof deploymentId === 'string' ? { deploymentId } : {}),
      ...(typeof tenantId === 'string' ? { tenantId } : {}),
    };
  };
