import { BASE_FEE, COMMITMENT } from '#domain/plans/plan';
import { attributesText } from '#domain/plans/overlap';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { POOLED, readRef } from '#domain/prices/refs';
import { html, type Html } from './html.js';

/** A row's reference in words. The key of a rate is not changed. */
export function refText(ref: string): string {
  const { kind, tier, isPooled } = readRef(ref);
  if (isPooled === true)
    return kind === 'usage'
      ? 'Included units that others left'
      : `${refText(ref.slice(POOLED.length))}, left by others`;
  switch (kind) {
    case 'usage':
      return 'Usage';
    case 'tier':
      return `Tier ${tier}`;
    case 'tier-flat':
      return `Tier ${tier}, flat amount`;
    case 'flat':
      return 'Flat amount';
    case 'fixed':
      return 'Fixed amount';
    case 'minimum-commitment':
      return 'Minimum commitment';
    case 'commitment-true-up':
      return 'True-up to the commitment';
    case 'rate':
      return ref;
  }
}

const NAMES: ReadonlyMap<string, string> = new Map([
  [BASE_FEE, 'Base fee'],
  [COMMITMENT, 'Commitment'],
]);

export const kindText = (billingKind: string): string => NAMES.get(billingKind) ?? billingKind;

/** The kind of a line, with the filter of its item: `vm (size: small)`. */
export function itemText({
  billingKind,
  filter,
}: {
  readonly billingKind: string;
  readonly filter: Readonly<Record<string, string>> | null;
}): string {
  const attributes = attributesText(filter ?? {});
  return attributes === '' ? kindText(billingKind) : `${kindText(billingKind)} (${attributes})`;
}

export const taxText = (name: string | null, ratePercent: string): string =>
  name === null && decimal(ratePercent).eq(decimal('0')) ? 'No tax' : `${name ?? 'Tax'} ${ratePercent} %`;

export const negated = (amount: string, currency: string): string => moneyText(decimal(amount).neg(), currency);

export const isZero = (amount: string): boolean => decimal(amount).eq(decimal('0'));

export const figure = (value: string): Html => html`<td class="figure">${value}</td>`;

/** A remark after a name. */
export const quietly = (remark = ''): Html | string =>
  remark === '' ? '' : html` <span class="quiet">· ${remark}</span>`;

/** A heading row over all columns of the table. */
export function headingRow(
  kind: 'tenant' | 'invoice' | 'section' | 'line' | 'part',
  columns: number,
  title: string,
  quiet = '',
): Html {
  const scope = kind === 'line' || kind === 'part' ? 'row' : 'rowgroup';
  return html`<tr class="${kind}"><th colspan="${columns}" scope="${scope}">${title}${quietly(quiet)}</th></tr>`;
}

/** A row with a name, and a figure in the last column. */
export const sumRow = (kind: 'row' | 'sum' | 'total', columns: number, name: string, amount: string): Html =>
  html`<tr class="${kind}"><th colspan="${columns - 1}" scope="row">${name}</th>${figure(amount)}</tr>`;

/** `Production (acme-prod)`: the name for people, and the id for everything else. */
export function deploymentText(names: ReadonlyMap<string, string>, id: string | null): string {
  if (id === null) return 'Other';
  const name = names.get(id);
  return name === undefined || name === id ? id : `${name} (${id})`;
}

/** Deployments in the order of their names. */
export function byDeployment<Item extends { readonly deploymentId: string | null }>(
  items: readonly Item[],
  names: ReadonlyMap<string, string>,
): { readonly title: string; readonly items: readonly Item[] }[] {
  return [...Map.groupBy(items, ({ deploymentId }) => deploymentId)]
    .map(([id, of]) => ({ title: deploymentText(names, id), items: of }))
    .sort((a, b) => (a.title < b.title ? -1 : 1));
}
