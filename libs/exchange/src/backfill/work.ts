import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import type { CarryOut } from './command-import.js';
import type { Surveyor } from './survey.js';

/** What an import works with. */
export interface Work {
  readonly core: LedgerCore;
  readonly caller: Caller;
  readonly carryOut: CarryOut;
  /** Decides what each row would do, and appends nothing. */
  readonly isDry: boolean;
  /** Whether files of rejects and notes are written. */
  readonly keepsFiles: boolean;
  /** Gets every row that can be read. */
  readonly surveyor: Pick<Surveyor, 'add'>;
}
