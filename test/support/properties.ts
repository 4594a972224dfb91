/**
 * On how many cases a property is checked: times PROPERTY_TIMES (`npm run test:nightly`). PROPERTY_SEED gives others.
 */
export const checkedOn = (cases: number): { readonly numRuns: number; readonly seed: number } => ({
  numRuns: cases * Number(process.env['PROPERTY_TIMES'] ?? '1'),
  seed: Number(process.env['PROPERTY_SEED'] ?? '20260401'),
});
