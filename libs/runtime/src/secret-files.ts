import { readFileSync } from 'node:fs';

/** Variables that hold secrets or a document. Each can be given as a file, as Docker and Kubernetes mount secrets. */
const SECRETS: readonly string[] = [
  'DATABASE_URL',
  'LEDGERLINE_READ_URLS',
  'EVENT_STORE_URL',
  'LEDGERLINE_JWT_SECRET',
  'LEDGERLINE_CHECKPOINT_KEY',
  'LEDGERLINE_SELLER_DETAILS',
];

/**
 * Puts the content of the file that `DATABASE_URL_FILE` names into `DATABASE_URL`, without the end of its last line,
 * and so on for every secret. Errors: a secret that is given both ways, or a file that can't be read.
 */
export function takeSecretFiles(environment: Record<string, string | undefined>): void {
  for (const name of SECRETS) {
    const variable = `${name}_FILE`;
    const file = environment[variable];
    if (file === undefined || file === '') continue;
    if (environment[name] !== undefined && environment[name] !== '')
      throw new Error(`both ${name} and ${variable} are set. Nothing was started. Unset one of them.`);
    environment[name] = contentOf(variable, file);
    // Processes that this one starts have the secret already.
    environment[variable] = '';
  }
}

function contentOf(variable: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new Error(`${variable}: ${file} can't be read (${code}). Nothing was started.`, { cause: error });
  }
}
