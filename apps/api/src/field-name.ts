/** The name of an operation as an identifier: `usage-records` becomes `usageRecords`. */
export const fieldName = (operation: string): string =>
  operation.replace(/-(\w)/g, (_all, letter: string) => letter.toUpperCase());
