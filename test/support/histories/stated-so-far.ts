import type { SoFar, Statement } from './statement.js';
import { Truth } from './truth.js';
import type { World } from './world.js';

/** The statements that the ledger carried out, in order, and what is true by them. */
export class StatedSoFar implements SoFar {
  truth: Truth;
  private readonly statements: Statement[] = [];

  constructor(private readonly world: World) {
    this.truth = new Truth(world);
  }

  get withdrawals(): readonly Statement[] {
    return this.statements.flatMap(({ withdrawal }) => withdrawal ?? []);
  }

  /** A withdrawal leaves what is true by all other statements. */
  add(statement: Statement): void {
    const withdrawn = this.statements.findIndex(({ withdrawal }) => withdrawal === statement);
    if (withdrawn === -1) {
      this.statements.push(statement);
      statement.becomesTrue(this.truth);
      return;
    }
    this.statements.splice(withdrawn, 1);
    this.truth = new Truth(this.world);
    for (const each of this.statements) each.becomesTrue(this.truth);
  }
}
