import type { Command } from '@nestjs/cqrs';
import type { CommandCall, CommandDefinition, CommandDone } from '../command.js';
import { CostCommand, costCommands, CostHandler } from './costs.commands.js';
import { CreditCommand, creditCommands, CreditHandler } from './credits.commands.js';
import { DeploymentCommand, deploymentCommands, DeploymentHandler } from './deployments.commands.js';
import { InventoryCommand, inventoryCommands, InventoryHandler } from './inventory.commands.js';
import { InvoiceCommand, invoiceCommands, InvoiceHandler } from './invoices.commands.js';
import { MeteringCommand, meteringCommands, MeteringHandler } from './metering.commands.js';
import { PlanCommand, planCommands, PlanHandler } from './plans.commands.js';
import { RateCommand, rateCommands, RateHandler } from './rates.commands.js';
import { TenantCommand, tenantCommands, TenantHandler } from './tenants.commands.js';
import { UsageCommand, usageCommands, UsageHandler } from './usage.commands.js';

type SubjectCommand = new (call: CommandCall) => Command<CommandDone>;

/** A subject: its commands, and the class that carries them over the command bus to its handler. */
const SUBJECTS: readonly (readonly [SubjectCommand, readonly CommandDefinition[]])[] = [
  [TenantCommand, tenantCommands],
  [DeploymentCommand, deploymentCommands],
  [InventoryCommand, inventoryCommands],
  [MeteringCommand, meteringCommands],
  [RateCommand, rateCommands],
  [PlanCommand, planCommands],
  [UsageCommand, usageCommands],
  [CostCommand, costCommands],
  [InvoiceCommand, invoiceCommands],
  [CreditCommand, creditCommands],
];

export const HANDLERS = [
  TenantHandler,
  DeploymentHandler,
  InventoryHandler,
  MeteringHandler,
  RateHandler,
  PlanHandler,
  UsageHandler,
  CostHandler,
  InvoiceHandler,
  CreditHandler,
];

/** Every command by name. */
export const COMMANDS: ReadonlyMap<string, CommandDefinition> = new Map(
  SUBJECTS.flatMap(([, definitions]) => definitions.map((definition) => [definition.name, definition] as const)),
);

const SUBJECT_OF = new Map(SUBJECTS.flatMap(([subject, definitions]) => definitions.map(({ name }) => [name, subject] as const)));

/** The command as the bus takes it. */
export function onBus(call: CommandCall): Command<CommandDone> {
  const Subject = SUBJECT_OF.get(call.name);
  if (Subject === undefined) throw new Error(`${call.name} has no subject`);
  return new Subject(call);
}
