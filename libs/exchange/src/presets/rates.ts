import { FROM_EVER } from '#domain/time/instant';
import type { Cells } from '../rows/cells.js';
import { RE_DELIVERED } from '../rows/outcome.js';
import type { Preset } from './preset.js';
import { RowFault } from '../rows/row.js';
import { currencyOf, given } from './costs.js';
import type { CommandItem } from './resources.js';

const BASES = ['duration', 'amount'] as const;

interface Rate {
  readonly resourceType: string;
  readonly resourceFamily: string;
  readonly location: string;
  readonly unitPrice: string;
  readonly effectiveFrom: string;
  readonly effectiveUntil: string | undefined;
}

/** A price of the list. If it was delivered with other content before: the corrected price. */
function rate({ effectiveUntil, ...key }: Rate, more: object): CommandItem {
  const fields = { ...key, ...given({ effectiveUntil }) };
  return {
    command: { command: 'set-rate', ...fields, ...more },
    order: key.effectiveFrom,
    correction: { command: 'correct-rate', ...fields, reason: RE_DELIVERED },
  };
}

function priceOf(cells: Cells): string {
  const price = cells.decimal('unitPrice');
  if (price.startsWith('-')) throw new RowFault('unitPrice', price, 'must not be negative');
  return price;
}

/** Rates with a column for each field of set-rate. */
export const genericRates: Preset<CommandItem> = {
  name: 'rates',
  kind: 'rates',
  fields: [
    { name: 'resourceType', columns: ['resourceType', 'type'], isRequired: true },
    { name: 'resourceFamily', columns: ['resourceFamily', 'family'], isRequired: true },
    { name: 'location', columns: ['location'], isRequired: true },
    { name: 'unit', columns: ['unit'] },
    { name: 'unitPrice', columns: ['unitPrice', 'price'], isRequired: true },
    { name: 'currency', columns: ['currency'] },
    { name: 'basis', columns: ['basis'] },
    { name: 'effectiveFrom', columns: ['effectiveFrom', 'from'], isRequired: true },
    { name: 'effectiveUntil', columns: ['effectiveUntil', 'until'] },
  ],
  recognises: () => true,
  read: (cells) =>
    rate(
      {
        resourceType: cells.id('resourceType'),
        resourceFamily: cells.id('resourceFamily'),
        location: cells.id('location'),
        unitPrice: priceOf(cells),
        effectiveFrom: cells.instant('effectiveFrom'),
        effectiveUntil: cells.optionalInstant('effectiveUntil'),
      },
      given({
        unit: cells.optional('unit'),
        currency: cells.optional('currency') === undefined ? undefined : currencyOf(cells, 'currency'),
        basis: cells.optional('basis') === undefined ? undefined : cells.oneOf('basis', BASES),
      }),
    ),
};

/**
 * Ubicloud's price list. `byoc` is part of the family, because only then no two rows have the same key and date. No
 * date means since always.
 */
export const ubicloudRates: Preset<CommandItem> = {
  name: 'ubicloud-rates',
  kind: 'rates',
  fields: [
    { name: 'resourceType', columns: ['resource_type'], isRequired: true },
    { name: 'resourceFamily', columns: ['resource_family'], isRequired: true },
    { name: 'location', columns: ['location'], isRequired: true },
    { name: 'byoc', columns: ['byoc'] },
    { name: 'basis', columns: ['billed_by'] },
    { name: 'unit', columns: ['unit_derived'] },
    { name: 'unitPrice', columns: ['unit_price'], isRequired: true },
    { name: 'effectiveFrom', columns: ['active_from'], isRequired: true },
  ],
  recognises: (columns) => ['rate_id', 'resource_type', 'byoc', 'unit_price'].every((name) => columns.has(name)),
  read(cells) {
    const isByoc = cells.optional('byoc') !== undefined && cells.oneOf('byoc', ['true', 'false'] as const) === 'true';
    return rate(
      {
        resourceType: cells.id('resourceType'),
        resourceFamily: `${cells.id('resourceFamily')}${isByoc ? '+byoc' : ''}`,
        location: cells.id('location'),
        unitPrice: priceOf(cells),
        effectiveFrom: cells.optionalInstant('effectiveFrom') ?? FROM_EVER,
        effectiveUntil: undefined,
      },
      given({
        unit: cells.optional('unit'),
        basis: cells.optional('basis') === undefined ? undefined : cells.oneOf('basis', BASES),
      }),
    );
  },
};
