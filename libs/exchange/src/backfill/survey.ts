import { compareText } from '#domain/compare-text';
import { type Decimal, decimal, text, ZERO } from '#domain/money/decimal';
import { ownText } from '#domain/own-text';
import { type Instant, isBefore } from '#domain/time/instant';
import type { LedgerCore } from '#ledger/ledger-core';
import { readHolders } from '#projections/deployments/deployments.read';

/** The subject of one row. */
export interface Surveyed {
  readonly kind: string;
  readonly from: Instant | null;
  readonly until: Instant | null;
  readonly deploymentId?: string;
  readonly tenantId?: string;
  /** A quantity, or money if there is a currency. */
  readonly amount?: string;
  readonly currency?: string;
}

/** The subjects of all readable rows, including rows that are already known. */
export interface Survey {
  readonly from: Instant | null;
  readonly until: Instant | null;
  readonly kinds: readonly {
    readonly kind: string;
    readonly currency: string | null;
    readonly rows: number;
    readonly sum: string | null;
  }[];
  /** How many of the deployments are registered, and how many are not. */
  readonly deployments: number;
  readonly notRegistered: number;
  readonly tenants: readonly string[];
}

/** The time that rows cover, from the first start to the last end. */
export class CoveredTime {
  from: Instant | null = null;
  until: Instant | null = null;

  add({ from, until }: Pick<Surveyed, 'from' | 'until'>): void {
    if (from !== null && (this.from === null || isBefore(from, this.from))) this.from = from;
    if (until !== null && (this.until === null || isBefore(this.until, until))) this.until = until;
  }
}

/** Adds up rows. Its memory grows with the number of kinds, deployments and tenants, not of rows. */
export class Surveyor {
  private readonly covered = new CoveredTime();
  private readonly kinds = new Map<
    string,
    { readonly kind: string; readonly currency: string | null; rows: number; sum: Decimal | null }
  >();
  private readonly deployments = new Set<string>();
  private readonly tenants = new Set<string>();

  add({ kind, from, until, deploymentId, tenantId, amount, currency }: Surveyed): void {
    this.covered.add({ from, until });
    if (deploymentId !== undefined) addOwn(this.deployments, deploymentId);
    if (tenantId !== undefined) addOwn(this.tenants, tenantId);
    const name = JSON.stringify([kind, currency ?? null]);
    const known = this.kinds.get(name) ?? {
      kind,
      currency: currency ?? null,
      rows: 0,
      sum: amount === undefined ? null : ZERO,
    };
    known.rows += 1;
    if (amount !== undefined) known.sum = (known.sum ?? ZERO).plus(decimal(amount));
    this.kinds.set(name, known);
  }

  /** With the tenants that have or had the deployments. */
  async of({ db }: LedgerCore): Promise<Survey> {
    const holders = await readHolders(db, [...this.deployments]);
    for (const { tenant_id: tenantId } of holders) this.tenants.add(tenantId);
    const registered = new Set(holders.map(({ deployment_id: deploymentId }) => deploymentId));
    const kinds = [...this.kinds.values()].map((each) => ({ ...each, sum: each.sum === null ? null : text(each.sum) }));
    return {
      from: this.covered.from,
      until: this.covered.until,
      kinds: kinds.sort((a, b) => compareText(a.kind, b.kind) || compareText(a.currency ?? '', b.currency ?? '')),
      deployments: registered.size,
      notRegistered: this.deployments.size - registered.size,
      tenants: [...this.tenants].sort(compareText),
    };
  }
}

function addOwn(ids: Set<string>, id: string): void {
  if (!ids.has(id)) ids.add(ownText(id));
}
