/** Why recorded facts are corrected. `withdrawn`: the key of the command that is withdrawn. */
export interface Correction {
  readonly reason: string;
  readonly withdrawn?: string;
}
