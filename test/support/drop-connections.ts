import pg from 'pg';

/** Ends every connection to a database, as a restart of its server or a broken network would. */
export async function dropDatabaseConnections(url: string): Promise<void> {
  const admin = new pg.Client(url);
  await admin.connect();
  await admin.query(`
    select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`);
  await admin.end();
}
