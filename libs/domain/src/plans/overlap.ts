import type { PlanItem } from './plan.js';

type Selecting = Pick<PlanItem, 'billingKind' | 'filter'>;

/** Two items of a plan that bill the same readings: each reading that both filters take is billed under each. */
export interface ItemsOverlap {
  readonly code: 'items_overlap';
  readonly billingKind: string;
  /** The filters of the two items. null: the item has none, and takes every reading of the kind. */
  readonly filters: readonly [Filter | null, Filter | null];
  readonly message: string;
}
type Filter = Readonly<Record<string, string>>;

/** Pairs of items that overlap, in the order of the plan. */
export function overlapsOf(items: readonly Selecting[]): ItemsOverlap[] {
  return items.flatMap((item, index) =>
    items
      .slice(index + 1)
      .filter((other) => other.billingKind === item.billingKind && overlap(item, other))
      .map((other) => ({
        code: 'items_overlap' as const,
        billingKind: item.billingKind,
        filters: [item.filter ?? null, other.filter ?? null] as const,
        message:
          `the items for ${item.billingKind} with ${filterText(item)} and with ${filterText(other)} overlap:` +
          ' a reading that both take is billed under each',
      })),
  );
}

/** Unless some attribute has different values in both, a reading may have the attributes of both. */
const overlap = ({ filter: a = {} }: Selecting, { filter: b = {} }: Selecting): boolean =>
  !Object.entries(a).some(([name, value]) => b[name] !== undefined && b[name] !== value);

const filterText = ({ filter }: Selecting): string =>
  filter === undefined ? 'no filter' : `the filter ${attributesText(filter)}`;

/** The attributes of a filter, as people read them: `size: small, zone: eu`. */
export const attributesText = (filter: object): string =>
  Object.entries(filter)
    .map(([name, value]) => `${name}: ${String(value)}`)
    .sort()
    .join(', ');
