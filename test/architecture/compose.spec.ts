import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { sourcesIn } from './sources.js';

/**
 * What can be said of docker-compose.yml and its Dockerfile without an engine. Jest runs in the root of the repository.
 */

/** It makes certificates, and ends. */
const zMaker = z.strictObject({
  image: z.string(),
  user: z.literal('root'),
  entrypoint: z.array(z.string()),
  command: z.array(z.string()),
  volumes: z.array(z.string()),
});

const zService = z.strictObject({
  image: z.string(),
  build: z.literal('.').optional(),
  pull_policy: z.literal('never').optional(),
  read_only: z.literal(true).optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  stop_grace_period: z.literal('90s').optional(),
  command: z.array(z.string()).optional(),
  init: z.boolean().optional(),
  environment: z.record(z.string(), z.string()),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  depends_on: z
    .record(z.string(), z.strictObject({ condition: z.enum(['service_healthy', 'service_completed_successfully']) }))
    .optional(),
  healthcheck: z.strictObject({
    test: z.tuple([z.literal('CMD')], z.string()),
    interval: z.string(),
    timeout: z.string(),
    retries: z.number(),
    start_period: z.string().optional(),
  }),
  shm_size: z.string().optional(),
  restart: z.literal('unless-stopped'),
});
const zCompose = z.strictObject({
  name: z.string(),
  services: z.object({ certificates: zMaker }).catchall(zService),
  volumes: z.record(z.string(), z.null()),
});

const SECRET = /(SECRET|PASSWORD|TOKEN|KEY)(?!.*_FILE$)/;

const manifest = z
  .object({
    version: z.string(),
    scripts: z.record(z.string(), z.string()),
    dependencies: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(readFileSync('package.json', 'utf8')));

const composeText = readFileSync('docker-compose.yml', 'utf8');
const compose = zCompose.parse(parse(composeText, { merge: true }));
const { volumes } = compose;
const { certificates, ...services } = compose.services;
const ours = Object.entries(services).filter(([, { image }]) => image.startsWith('ledgerline:'));

const dockerfile = readFileSync('Dockerfile', 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [instruction = '', ...rest] = line.split(' ');
    return { instruction, text: rest.join(' ') };
  });
const texts = (instruction: string): string[] =>
  dockerfile.filter((line) => line.instruction === instruction).map(({ text }) => text);

/** `postgres:18.4-bookworm`: a version down to the minor one, not a name that moves. */
const PINNED = /^[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z-]+)?$/;

/** `dist/apps/api/src/main.js` is built from `apps/api/src/main.ts`. */
const sourceOf = (built: string): string => built.replace(/^dist\//, '').replace(/\.js$/, '.ts');
const builtIn = (command: readonly string[]): string[] => command.filter((word) => word.startsWith('dist/'));

describe('docker-compose.yml', () => {
  it('has the two stores and the two apps', () => {
    expect(Object.keys(services).sort()).toEqual(['api', 'eventstore', 'postgres', 'worker']);
    expect(ours.map(([name]) => name).sort()).toEqual(['api', 'worker']);
  });

  it('pins every image', () => {
    for (const { image } of Object.values(compose.services)) expect(image).toMatch(PINNED);
    expect(services['eventstore']?.image).toMatch(/^eventstore\/eventstore:23\.10\.\d+/);
    expect(services['postgres']?.image).toMatch(/^postgres:18\./);
  });

  it('names the image of the apps after the version of the package', () => {
    expect(new Set(ours.map(([, { image }]) => image))).toEqual(new Set([`ledgerline:${manifest.version}`]));
  });

  it('runs only files that are built from sources here', () => {
    for (const [, { command = [], healthcheck }] of ours) {
      expect(command[0]).toBe('node');
      expect(builtIn(command)).toHaveLength(1);
      for (const built of builtIn([...command, ...healthcheck.test]))
        expect([built, existsSync(sourceOf(built))]).toEqual([built, true]);
    }
  });

  it('builds one image, once', () => {
    expect(ours.map(([name, { build, pull_policy: pulled }]) => [name, build, pulled])).toEqual([
      ['api', '.', undefined],
      ['worker', undefined, 'never'],
    ]);
  });

  it('runs the apps without rights, on a file system that is read-only', () => {
    for (const [, service] of ours)
      expect(service).toMatchObject({
        read_only: true,
        tmpfs: ['/tmp'],
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
  });

  it('starts the apps after both stores respond', () => {
    for (const [, { depends_on: stores = {} }] of ours)
      expect(Object.keys(stores).sort()).toEqual(['eventstore', 'postgres']);
  });

  it('configures the apps with variables that they read', () => {
    const names = [
      'DATABASE_URL',
      'EVENT_STORE_URL',
      'LEDGERLINE_HOST',
      'LEDGERLINE_JWT_SECRET',
      'LEDGERLINE_PORT',
      'LEDGERLINE_SELLER',
      'LEDGERLINE_SELLER_DETAILS',
    ];
    const sources = ['apps', 'libs'].flatMap(sourcesIn).filter(({ path }) => !path.endsWith('.spec.ts'));
    expect(Object.keys(services['api']?.environment ?? {}).sort()).toEqual(names);
    const ofWorker = [...names, 'LEDGERLINE_WORKER_PORT'];
    expect(Object.keys(services['worker']?.environment ?? {}).sort()).toEqual(ofWorker);
    expect(ofWorker.filter((name) => !sources.some(({ text }) => text.includes(name)))).toEqual([]);
  });

  it('connects to the stores by their service names', () => {
    for (const [, { environment }] of ours) {
      const database = new URL(environment['DATABASE_URL'] ?? '');
      expect([database.protocol, database.hostname, database.port]).toEqual(['postgres:', 'postgres', '5432']);
      expect([database.username, database.pathname]).toEqual([
        services['postgres']?.environment['POSTGRES_USER'],
        `/${services['postgres']?.environment['POSTGRES_DB'] ?? ''}`,
      ]);
      const log = new URL(environment['EVENT_STORE_URL'] ?? '');
      expect([log.protocol, log.username, log.hostname, log.port]).toEqual(['esdb:', 'admin', 'eventstore', '2113']);
      expect(Object.fromEntries(log.searchParams)).toEqual({ tls: 'true', tlsCaFile: '/authority/ca.crt' });
    }
  });

  it('gives EventStoreDB a certificate whose authority the apps know, and its key to nobody else', () => {
    const made = certificates.command.join('\n');
    const { environment = {}, depends_on: stores, healthcheck } = services['eventstore'] ?? {};
    expect(environment['EVENTSTORE_INSECURE']).toBeUndefined();
    expect(made).toContain('-out /certificates/node -ip-addresses 127.0.0.1 -dns-names eventstore,localhost');
    expect(environment['EVENTSTORE_CERTIFICATE_FILE']).toBe('/certificates/node/node.crt');
    expect(stores).toEqual({ certificates: { condition: 'service_completed_successfully' } });
    expect(healthcheck?.test).toContain('https://127.0.0.1:2113/health/live');
    for (const [, { volumes: mounts }] of ours) expect(mounts).toEqual(['eventstore-authority:/authority:ro']);
  });

  it('contains no secrets: each is required from outside', () => {
    for (const [name, { environment }] of Object.entries(services)) {
      for (const [variable, value] of Object.entries(environment)) {
        const place = `${name} ${variable}`;
        if (SECRET.test(variable)) expect([place, value]).toEqual([place, expect.stringMatching(/^\$\{\w+:\?.+\}$/)]);
        if (!value.includes('://')) continue;
        const password = decodeURIComponent(new URL(value).password);
        if (password === '') continue;
        expect([place, password]).toEqual([
          place,
          expect.stringMatching(/^\$\{LEDGERLINE_(POSTGRES|EVENTSTORE)_PASSWORD\}$/),
        ]);
      }
    }
    expect(composeText).toContain('${LEDGERLINE_JWT_SECRET:?');
    expect(composeText).toContain('${LEDGERLINE_POSTGRES_PASSWORD:?');
    expect(composeText).toContain('${LEDGERLINE_EVENTSTORE_PASSWORD:?');
    expect([...texts('ENV'), ...texts('ARG')].filter((text) => SECRET.test(text))).toEqual([]);
  });

  it('publishes ports only on loopback, none twice, and none of Postgres', () => {
    const published = Object.values(services).flatMap(({ ports = [] }) => ports);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:(\d+|\$\{LEDGERLINE_PORT:-\d+\}):\d+$/);
    expect(new Set(published).size).toBe(published.length);
    expect(services['postgres']?.ports).toBeUndefined();
  });

  it('publishes, exposes and checks the port that the API listens on', () => {
    const { environment = {}, ports = [], healthcheck } = services['api'] ?? {};
    const port = environment['LEDGERLINE_PORT'] ?? '';
    expect(environment['LEDGERLINE_HOST']).toBe('0.0.0.0');
    expect(ports.map((published) => published.split(':').at(-1))).toEqual([port]);
    expect(texts('EXPOSE')).toEqual([port]);
    expect(healthcheck?.test.join(' ')).toContain(`http://127.0.0.1:${port}/health/ready`);
  });

  it('keeps what the stores write in volumes that it declares', () => {
    const mounted = Object.values(compose.services).flatMap(({ volumes: mounts = [] }) =>
      mounts.map((mount) => mount.split(':')[0] ?? ''),
    );
    expect([...new Set(mounted)].sort()).toEqual(Object.keys(volumes).sort());
    // From 18 on, the image of Postgres declares its volume one folder higher than before; data elsewhere is lost with
    // the container.
    expect(services['postgres']?.volumes).toEqual(['postgres-data:/var/lib/postgresql']);
  });
});

describe('Dockerfile', () => {
  const ignored = readFileSync('.dockerignore', 'utf8').split('\n');

  it('builds and runs on one pinned Node, the one that the package asks for', () => {
    const bases = texts('FROM').map((text) => text.split(' ')[0] ?? '');
    expect(new Set(bases)).toEqual(new Set([`node:${manifest.dependencies['node'] ?? ''}-bookworm-slim`]));
    for (const base of bases) expect(base).toMatch(PINNED);
  });

  it('copies only existing files that .dockerignore does not exclude', () => {
    const copied = texts('COPY')
      .filter((text) => !text.startsWith('--from='))
      .flatMap((text) => text.split(' ').slice(0, -1));
    expect(copied).toEqual(
      expect.arrayContaining(['package.json', 'package-lock.json', 'apps', 'libs', 'projections']),
    );
    expect(copied.filter((source) => !existsSync(source) || ignored.includes(source))).toEqual([]);
  });

  it('excludes what is built or installed in the image', () => {
    expect(ignored).toEqual(expect.arrayContaining(['.git', '.ledgerline', 'dist', 'node_modules']));
  });

  it('installs from the lock file, runs scripts of the package, and does not run as root', () => {
    expect(texts('RUN')[0]).toMatch(/^npm ci\b/);
    expect(texts('RUN').flatMap((text) => /npm run (\S+)/.exec(text)?.[1] ?? [])).toEqual(['build']);
    expect(Object.keys(manifest.scripts)).toContain('build');
    expect(texts('USER')).toEqual(['node']);
    expect(dockerfile.findLastIndex(({ instruction }) => instruction === 'USER')).toBeGreaterThan(
      dockerfile.findLastIndex(({ instruction }) => instruction === 'FROM'),
    );
  });

  it('runs the API by default', () => {
    const command = z.array(z.string()).parse(JSON.parse(texts('CMD')[0] ?? ''));
    expect(command).toEqual(services['api']?.command);
  });
});
