import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import type { CarryOut } from './command-import.js';
import type { Surveyor } from './survey.js';

/** The inputs of an import. */
export interface Work {
  readonly core: LedgerCore;
  readonly caller: Caller;
  readonly carryOut: CarryOut;
  /** Decides what each row would do, and appends nothing. */
  readonly isDry: boolean;
  /** Whether files of rejects and notes are written. */
  readonly keepsFiles: boolean;
  /** Receives every readable row. */
  readonly surveyor: Pick<Surveyor, 'add'>;
}
