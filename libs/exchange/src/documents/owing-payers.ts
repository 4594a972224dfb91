import type { Statement } from '#billing/invoices/statement';
import { isZero } from './rows.js';

/** The payers that owe a part of the closing balance. An answer also names those that owe something only now. */
export const owingPayers = ({ owedByPayers }: Statement): Statement['owedByPayers'] =>
  owedByPayers.filter(({ closing }) => !isZero(closing));
