import { DatabaseError } from './errors.js';

/**
 * Checks that it is a `postgres:` URL. Errors: `database_url_invalid`, without the URL, because it may contain a
 * password.
 */
export function parseDatabaseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'postgres:' || parsed?.protocol === 'postgresql:') return parsed;
  const form = 'postgres://user:password@host:5432/database';
  throw new DatabaseError(
    'database_url_invalid',
    `the database URL is not of the form "${form}". Correct DATABASE_URL.`,
  );
}

/** The host and port of a server, or the folder of its Unix socket. Errors: `database_url_invalid`. */
export const addressIn = (url: string): string => decodeURIComponent(parseDatabaseUrl(url).host);

/** pg lets the URL's own `options` replace ours. Split like this, both apply. Errors: `database_url_invalid`. */
export function splitOptions(url: string): { readonly connectionString: string; readonly options: string | null } {
  const parsed = parseDatabaseUrl(url);
  const options = parsed.searchParams.get('options');
  parsed.searchParams.delete('options');
  return { connectionString: parsed.href, options };
}
