import type { Instant } from '#domain/time/instant';
import { defineTable } from '#read-model/table';

/** A price over `[effective_from, effective_until)`; the rows of a key in force at one position never overlap. */
export interface RateRow {
  readonly resource_type: string;
  readonly resource_family: string;
  readonly location: string;
  readonly effective_from: Instant;
  readonly effective_until: Instant | null;
  readonly unit_price: string;
  readonly unit: string | null;
  readonly currency: string;
  readonly basis: 'duration' | 'amount';
}

export const rates = defineTable<RateRow>({
  name: 'rates',
  columns: {
    resource_type: 'text',
    resource_family: 'text',
    location: 'text',
    effective_from: 'timestamptz',
    effective_until: 'timestamptz',
    unit_price: 'numeric',
    unit: 'text',
    currency: 'text',
    basis: 'text',
  },
  key: ['resource_type', 'resource_family', 'location', 'effective_from'],
  group: ['resource_type', 'resource_family', 'location'],
  apart: { by: ['resource_type', 'resource_family', 'location'], from: 'effective_from', until: 'effective_until' },
});
