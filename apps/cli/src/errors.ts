/** Whether an error has this code: of Node (`ENOENT`), or of Postgres (`55006`). */
export const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
