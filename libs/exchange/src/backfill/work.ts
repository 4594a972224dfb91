import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import type { CarryOut } from './command-import.js';
import type { Surveyor } from './survey.js';

/** What an import works with. */
export interface Work {
  readonly core: LedgerCore;
  readonly caller: Caller;
  readonly carryOut: CarryOut;
  /** Decides, and appends nothing. */
  readonly isDry: boolean;
  /** Whether rejects and notes are written beside the files. */
  readonly keepsFiles: boolean;
  /** Told of every row that can be read. */
  readonly surveyor: Pick<Surveyor, 'add'>;
}
