import { ceiling, type Decimal, decimal, divide, floor, round } from '../money/decimal.js';
import type { UnitConversion } from './terms.js';

/** The quotient has 20 decimals, half away from zero, before its own rounding. */
const QUOTIENT_SCALE = 20;
/** A product has at most as many as a recorded decimal may have. */
const PRODUCT_SCALE = 60;

/**
 * Converts a cumulative quantity, never the quantity of a part: else each part would be rounded up. 1400 then 1300 at ÷
 * 1000, ceiling: 1400 → 2, 2700 → 3, so the parts are 2 + 1.
 */
export function convert(quantity: Decimal, conversion: UnitConversion | undefined): Decimal {
  if (conversion === undefined) return quantity;
  const factor = decimal(conversion.factor, 'unitConversion.factor');
  const converted =
    conversion.operation === 'divide'
      ? divide(quantity, factor, QUOTIENT_SCALE)
      : round(quantity.times(factor), PRODUCT_SCALE);
  const scale = conversion.precision ?? 0;
  switch (conversion.rounding) {
    case undefined:
    case 'none':
      return converted;
    case 'ceiling':
      return ceiling(converted, scale);
    case 'floor':
      return floor(converted, scale);
    case 'half_up':
      return round(converted, scale);
  }
}
