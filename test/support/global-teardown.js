export default async function globalTeardown() {
  const watch = globalThis.ledgerlineTestPostgres;
  const closed = new Promise((resolve) => watch.once('exit', resolve));
  watch.ref();
  watch.stdin.end();
  await closed;
}
