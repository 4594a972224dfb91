import pg from 'pg';

/** Ends every connection to a database, as a restart of its server or a broken network would. */
export async function dropDatabaseConnections(url: string): Promise<void> {
  const admin = new pg.Client(url);
  await admin.connect();
  await admin.query(`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`);
  await admin.end();
}
