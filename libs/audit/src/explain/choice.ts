import type { Attribution } from '#domain/margin/attribution';

/** Which amounts of a margin are listed: those that are of all that is given. Nothing given: all. */
export interface Choice {
  readonly deploymentId?: string | undefined;
  /** Of revenue. Cost has none. */
  readonly billingKind?: string | undefined;
  /** Of cost, as the provider names it. Revenue has none, and neither do parts of shared cost. */
  readonly kind?: string | undefined;
  /** What no deployment, or no tenant, has. */
  readonly without?: 'deployment' | 'tenant' | undefined;
}

export const isChoice = ({ deploymentId, billingKind, kind, without }: Choice): boolean =>
  [deploymentId, billingKind, kind, without].some((given) => given !== undefined);

const isOrAll = (given: string | undefined, value: string | null): boolean => given === undefined || given === value;

const isWhere = ({ deploymentId, without }: Choice, of: Attribution): boolean =>
  isOrAll(deploymentId, of.deploymentId) && (without === undefined || of[`${without}Id`] === null);

interface Revenue {
  readonly deployment_id: string;
  readonly billing_kind: string;
}
/** Revenue is of a tenant and of a deployment. */
export const isRevenueOf =
  ({ deploymentId, billingKind, kind, without }: Choice) =>
  (row: Revenue): boolean =>
    kind === undefined &&
    without === undefined &&
    isOrAll(deploymentId, row.deployment_id) &&
    isOrAll(billingKind, row.billing_kind);

interface Cost extends Attribution {
  readonly kind: string;
  readonly sharedBy: string | null;
}
/** A line that a policy shares is cost of its kind, and of no deployment or tenant: their parts of it are apart. */
export const isCostOf =
  (choice: Choice) =>
  (line: Cost): boolean => {
    const { deploymentId, billingKind, kind, without } = choice;
    const isShared = line.sharedBy !== null && (deploymentId !== undefined || without !== undefined);
    return billingKind === undefined && isOrAll(kind, line.kind) && !isShared && isWhere(choice, line);
  };

export const isPartOf =
  (choice: Choice) =>
  (part: Attribution): boolean =>
    choice.billingKind === undefined && choice.kind === undefined && isWhere(choice, part);
