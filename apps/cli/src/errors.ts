/** Whether an error has this code: of Node (`ENOENT`), or of Postgres (`55006`). */
export const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Some messages begin with the command, which stands before them already. */
export const reasonOf = ({
  command,
  error,
}: {
  readonly command: string;
  readonly error: { readonly message: string };
}): string => (error.message.startsWith(`${command}: `) ? error.message.slice(command.length + 2) : error.message);
