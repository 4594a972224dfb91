import os from 'node:os';

/** The login name. A container may run as a user without a name: then its number. */
function loginName(): string {
  const given = process.env['USER'];
  if (given !== undefined && given !== '') return given;
  try {
    return os.userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 0}`;
  }
}

/** Who acts on the command line, as events name it. */
export const CLI_ACTOR = `cli:${loginName()}`;
