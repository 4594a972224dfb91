import type { Command } from '@nestjs/cqrs';
import type { CommandCall, CommandDefinition, CommandDone } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import { CostCommand, costCommands, CostHandler } from './costs.commands.js';
import { CreditCommand, creditCommands, CreditHandler } from './credits.commands.js';
import { DeploymentCommand, deploymentCommands, DeploymentHandler } from './deployments.commands.js';
import { InventoryCommand, inventoryCommands, InventoryHandler } from './inventory.commands.js';
import { InvoiceCommand, invoiceCommands, InvoiceHandler } from './invoices.commands.js';
import { MeteringCommand, meteringCommands, MeteringHandler } from './metering.commands.js';
import { PlanCommand, planCommands, PlanHandler } from './plans.commands.js';
import { ProjectionCommand, projectionCommands, ProjectionHandler } from './projections.commands.js';
import { RateCommand, rateCommands, RateHandler } from './rates.commands.js';
import { RetentionCommand, retentionCommands, RetentionHandler } from './retention.commands.js';
import { TenantCommand, tenantCommands, TenantHandler } from './tenants.commands.js';
import { UsageCommand, usageCommands, UsageHandler } from './usage.commands.js';

/** A subject: its commands, the class that carries them over the command bus, and their handler. */
interface Subject {
  readonly Subject: new (call: CommandCall) => Command<CommandDone>;
  readonly definitions: readonly CommandDefinition[];
  readonly Handler: new (core: LedgerCore) => {
    execute(command: { readonly call: CommandCall }): Promise<CommandDone>;
  };
}

const SUBJECTS: readonly Subject[] = [
  { Subject: TenantCommand, definitions: tenantCommands, Handler: TenantHandler },
  { Subject: DeploymentCommand, definitions: deploymentCommands, Handler: DeploymentHandler },
  { Subject: InventoryCommand, definitions: inventoryCommands, Handler: InventoryHandler },
  { Subject: MeteringCommand, definitions: meteringCommands, Handler: MeteringHandler },
  { Subject: RateCommand, definitions: rateCommands, Handler: RateHandler },
  { Subject: PlanCommand, definitions: planCommands, Handler: PlanHandler },
  { Subject: UsageCommand, definitions: usageCommands, Handler: UsageHandler },
  { Subject: RetentionCommand, definitions: retentionCommands, Handler: RetentionHandler },
  { Subject: CostCommand, definitions: costCommands, Handler: CostHandler },
  { Subject: InvoiceCommand, definitions: invoiceCommands, Handler: InvoiceHandler },
  { Subject: CreditCommand, definitions: creditCommands, Handler: CreditHandler },
  { Subject: ProjectionCommand, definitions: projectionCommands, Handler: ProjectionHandler },
];

export const HANDLERS = SUBJECTS.map(({ Handler }) => Handler);

/** Every command by name. */
export const COMMANDS: ReadonlyMap<string, CommandDefinition> = new Map(
  SUBJECTS.flatMap(({ definitions }) => definitions.map((definition) => [definition.name, definition] as const)),
);

const SUBJECT_OF = new Map(
  SUBJECTS.flatMap((subject) => subject.definitions.map(({ name }) => [name, subject] as const)),
);

function subjectOf(name: string): Subject {
  const subject = SUBJECT_OF.get(name);
  if (subject === undefined) throw new Error(`${name} has no subject`);
  return subject;
}

/** The command as the bus takes it. */
export function onBus(call: CommandCall): Command<CommandDone> {
  const { Subject } = subjectOf(call.name);
  return new Subject(call);
}

/** Carries the command out on another ledger than the bus does: a trial. */
export async function carriedOutOn(core: LedgerCore, call: CommandCall): Promise<CommandDone> {
  const { Handler } = subjectOf(call.name);
  return new Handler(core).execute({ call });
}
