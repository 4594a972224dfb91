import type { RecordedEvent } from '#domain/events';
import { applyRateEvent, type RateSegment } from '#domain/rates/rate';
import type { RateKey } from '#domain/usage/usage';
import { changing, type Handler } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { type RateRow, rates } from './rates.table.js';

type RateEvents = 'RateSet' | 'RateCorrected' | 'RateWithdrawn' | 'RateKeyCorrected';

export const toSegment = (row: RateRow): RateSegment => ({
  effectiveFrom: row.effective_from,
  effectiveUntil: row.effective_until,
  unitPrice: row.unit_price,
  unit: row.unit,
  currency: row.currency,
  basis: row.basis,
  ...(row.is_public ? { public: true } : {}),
});

const toRow = ({ resourceType, resourceFamily, location }: RateKey, segment: RateSegment): RateRow => ({
  resource_type: resourceType,
  resource_family: resourceFamily,
  location,
  effective_from: segment.effectiveFrom,
  effective_until: segment.effectiveUntil,
  unit_price: segment.unitPrice,
  unit: segment.unit,
  currency: segment.currency,
  basis: segment.basis,
  is_public: segment.public === true,
});

const keyOf = ({ data }: RecordedEvent<RateEvents>): readonly string[] => [
  data.resourceType,
  data.resourceFamily,
  data.location,
];

/** The rows of a key after an event, by the same function that decided the event. */
const next = (event: RecordedEvent<RateEvents>, rows: readonly RateRow[]): RateRow[] => {
  const segments = rows.map(toSegment).sort((a, b) => (a.effectiveFrom < b.effectiveFrom ? -1 : 1));
  return applyRateEvent(segments, event).map((segment) => toRow(event.data, segment));
};

const decided: Handler<RateEvents> = changing(rates, keyOf, next);

export const ratesProjection = versionedProjection('rates', {
  version: 4,
  tables: [rates],
  on: {
    RateSet: decided,
    RateCorrected: decided,
    RateWithdrawn: decided,
    RateKeyCorrected: decided,
  },
});
