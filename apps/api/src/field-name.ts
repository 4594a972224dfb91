/** An operation's name as an identifier: `usage-records` is `usageRecords`. */
export const fieldName = (operation: string): string =>
  operation.replace(/-(\w)/g, (_all, letter: string) => letter.toUpperCase());
