import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditBundle } from '#audit/audit-bundle';
import { Leaf } from '#event-store/leaf';
import { readCheckpoint, signCheckpoint } from '#transparency/checkpoint';
import { leafHash } from '#transparency/hash';
import { newSigner, readVerifier } from '#transparency/note';
import { includes, isExtendedBy } from '#transparency/proofs';
import { cli, folder } from '../support/cli.js';
import { subscription } from '../support/commands.js';
import { type TestDatabase, testDatabase } from '../support/postgres.js';

// An invoice and all that proves it in one file, checked by a program in another language that knows nothing of us.

const VERIFIER = 'libs/transparency/verify_bundle.py';
const hasPython = spawnSync('python3', ['--version']).status === 0;
const T = (date: string) => `${date}T00:00:00Z`;

let database: TestDatabase;
let dir: Awaited<ReturnType<typeof folder>>;
let env: Record<string, string>;
let bundle: AuditBundle;

const ledgerline = async (...args: string[]) => cli([...args, '--data-dir', dir.path], { env });
const apply = async (...commands: object[]) => {
  const { code, stdout, stderr } = await cli(['apply', '-', '--json', '--data-dir', dir.path], {
    env,
    input: commands.map((each) => JSON.stringify(each)).join('\n'),
  });
  if (code !== 0) throw new Error(stdout + stderr);
};

beforeAll(async () => {
  database = await testDatabase();
  dir = await folder();
  env = { DATABASE_URL: database.url };
  const reading = (day: string, quantity: string) => ({
    command: 'observe-usage',
    deploymentId: 'd',
    observations: [
      {
        resourceId: 'r',
        billingKind: 'requests',
        period: { start: T(day), end: `${day}T12:00:00Z` },
        granularity: 'event',
        quantity,
      },
    ],
  });
  await apply(
    {
      command: 'register-tenant',
      tenantId: 't',
      name: 'Zoë & Søn',
      currency: 'USD',
      tax: { name: 'VAT', ratePercent: '21', from: T('2026-01-01') },
    },
    { command: 'register-deployment', deploymentId: 'd', tenantId: 't', name: 'dé', from: T('2026-04-01') },
    {
      command: 'publish-plan',
      planId: 'p',
      name: 'p',
      currency: 'USD',
      baseFee: '10',
      paymentTerm: 'in_advance',
      effectiveFrom: T('2026-01-01'),
      items: [{ billingKind: 'requests', price: { model: 'unit', unitAmount: '0.07' } }],
    },
    subscription('s', 'd', 'p'),
    reading('2026-04-02', '13'),
  );
  expect((await ledgerline('checkpoint', '--out', join(dir.path, 'early'))).code).toBe(0);
  expect((await ledgerline('invoice', '--as-of', T('2026-04-10'), '--issue')).code).toBe(0);
  await apply(reading('2026-04-03', '9'), { ...reading('2026-04-04', '1'), reason: 'é — “late” 😀' });
  expect((await ledgerline('invoice', '--as-of', T('2026-04-20'), '--issue')).code).toBe(0);
  const written = await ledgerline(
    'audit',
    'bundle',
    '--invoice',
    'INV-000002',
    '--out',
    join(dir.path, 'bundle.json'),
  );
  expect(written).toMatchObject({ code: 0 });
  bundle = JSON.parse(await readFile(join(dir.path, 'bundle.json'), 'utf8')) as AuditBundle;
});
afterAll(async () => {
  await dir.remove();
  await database.drop();
});

describe('an audit bundle', () => {
  it('has the inputs of the invoice, its own events, and the earlier checkpoints', () => {
    expect(bundle.invoice).toMatchObject({ number: 'INV-000002' });
    expect(bundle.earlier.map(({ checkpoint }) => checkpoint.split('\n')[1])).toEqual(['6']);
    expect([...new Set(bundle.events.map(({ type }) => type))].sort()).toEqual([
      'DeploymentRegistered',
      'InvoiceDrafted',
      'InvoiceIssued',
      'InvoicePartsClaimed',
      'InvoiceRowsFrozen',
      'LineOpened',
      'LineSplit',
      'PlanPublished',
      'SubscriptionStarted',
      'TenantRegistered',
      'TenantTaxSet',
      'UsageObserved',
    ]);
    // A name is no part of what is hashed.
    expect(JSON.stringify(bundle)).not.toContain('Zoë');
  });

  it('proves each event, each earlier root, and the signer', () => {
    const verifier = readVerifier(bundle.publicKey);
    const { size, root } = readCheckpoint(bundle.checkpoint, verifier);
    const decoded = (proof: readonly string[]) => proof.map((hash) => Buffer.from(hash, 'base64'));
    for (const { inclusion, ...event } of bundle.events) {
      const leaf = leafHash(Leaf.of({ ...event, recordedAt: event.recordedAt }).bytes);
      expect([
        event.position,
        includes({ size, root }, { index: event.position - 1, hash: leaf }, decoded(inclusion)),
      ]).toEqual([event.position, true]);
    }
    const grown = bundle.earlier.map(({ checkpoint, consistency }) => ({
      ...readCheckpoint(checkpoint, verifier),
      consistency,
    }));
    const { tree } = bundle.invoice;
    if (tree === null) throw new Error('the invoice names no tree');
    for (const each of [...grown, { ...tree, root: Buffer.from(tree.root, 'base64') }])
      expect([each.size, isExtendedBy(each, { size, root }, decoded(each.consistency))]).toEqual([each.size, true]);
  });
});

describe('verify --invoice', () => {
  const verified = async (...args: string[]) => {
    const { code, stdout } = await ledgerline('verify', '--json', ...args);
    return {
      code,
      ...(JSON.parse(stdout) as {
        ok: boolean;
        failures: { code: string }[];
        invoice?: {
          invoiceId: string;
          number: string;
          events: { position: number; type: string; includedIn: string | null }[];
        };
      }),
    };
  };

  it('proves that each event of an invoice is in the checkpoints that cover it, or else in the log', async () => {
    const early = join(dir.path, 'early');
    const { code, invoice } = await verified('--checkpoint', early, '--invoice', bundle.invoice.invoiceId);
    expect([code, invoice?.number]).toEqual([0, 'INV-000002']);
    const { size } = readCheckpoint(bundle.checkpoint, readVerifier(bundle.publicKey));
    // Each was recorded after the early checkpoint, and before the one that the bundle was made with, which is kept.
    expect(new Set(invoice?.events.map(({ includedIn }) => includedIn))).toEqual(
      new Set([`the kept checkpoint of ${size} events`]),
    );
    expect(invoice?.events.map(({ type }) => type)).toEqual([
      'InvoicePartsClaimed',
      'InvoiceDrafted',
      'LineSplit',
      'InvoiceRowsFrozen',
      'InvoiceIssued',
    ]);
    const own = bundle.events
      .filter(({ data }) => data.includes(bundle.invoice.invoiceId))
      .map(({ position }) => position);
    expect(invoice?.events.map(({ position }) => position)).toEqual(own);
    expect((await verified('--invoice', 'INV-000002')).invoice).toEqual(invoice);
  });

  it('reports an unknown invoice', async () => {
    const { code, stdout, stderr } = await ledgerline('verify', '--invoice', 'INV-000009');
    expect([
      code,
      stdout,
      stderr.includes('there is no issued invoice INV-000009. Give its id, or its number'),
    ]).toEqual([1, '', true]);
  });
});

/** What the verifier says, and whether it is content. */
async function python(changed: AuditBundle, ...args: string[]) {
  const file = await dir.write('checked.json', JSON.stringify(changed));
  const { status, stdout, stderr } = spawnSync('python3', [VERIFIER, file, ...args], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

/** Without Python, the verifier is not tested, and the output says so. */
async function needsPython(work: () => Promise<void>): Promise<void> {
  if (hasPython) await work();
  else
    process.stderr.write(
      `\n!!! python3 is not installed: ${VERIFIER} was NOT RUN. The same proofs were checked in TypeScript alone.\n`,
    );
}

const changedEvent = (type: string, change: (data: string) => string): AuditBundle => ({
  ...bundle,
  events: bundle.events.map((event) => (event.type === type ? { ...event, data: change(event.data) } : event)),
});

describe('the verifier in Python', () => {
  it('knows the signatures of RFC 8032', async () =>
    needsPython(async () => {
      // Section 7.1, tests 1 to 3: public key, message, signature. And the first with one bit turned.
      const vectors = [
        [
          'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
          '',
          'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
          'True',
        ],
        [
          '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
          '72',
          '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
          'True',
        ],
        [
          'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
          'af82',
          '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
          'True',
        ],
        [
          'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
          '',
          'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100a',
          'False',
        ],
      ];
      const calls = vectors.map(
        ([key, message, signature]) =>
          `print(ed25519_fits(*map(bytes.fromhex, ("${key}", "${message}", "${signature}"))))`,
      );
      const { stdout } = spawnSync('python3', ['-c', ['from verify_bundle import ed25519_fits', ...calls].join('\n')], {
        encoding: 'utf8',
        cwd: 'libs/transparency',
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
      });
      expect(stdout.trim().split('\n')).toEqual(vectors.map(([, , , fits]) => fits));
    }));

  it('accepts the bundle, and the given key', async () =>
    needsPython(async () => {
      // 13 × 0.07 stands on the first invoice; 9 + 1 late and new on this one: 10 × 0.07 = 0.70, with 21 % tax 0.15.
      const { status, said } = await python(bundle, bundle.publicKey);
      expect([status, said]).toEqual([
        0,
        expect.stringMatching(/^INV-000002: .* total 0\.85 USD; \d+ events and 2 earlier roots are in the log/),
      ]);
    }));

  it.each<readonly [string, () => AuditBundle, string]>([
    [
      'an edited reading',
      () => changedEvent('UsageObserved', (data) => data.replace('"quantity":"9"', '"quantity":"8"')),
      'is not in the log that was signed',
    ],
    [
      'an edited total',
      () => changedEvent('InvoiceIssued', (data) => data.replace('"total":"0.85"', '"total":"0.84"')),
      'is not in the log that was signed',
    ],
    [
      'frozen rows left out',
      () => ({ ...bundle, events: bundle.events.filter(({ type }) => type !== 'InvoiceRowsFrozen') }),
      'rows of the invoice are missing',
    ],
    [
      'another position',
      () => ({ ...bundle, events: bundle.events.map((event) => ({ ...event, position: event.position + 1 })) }),
      'is not in the log that was signed',
    ],
    [
      'a changed checkpoint',
      () => ({ ...bundle, checkpoint: bundle.checkpoint.replace(/\n\d+\n/, '\n99\n') }),
      'was changed after',
    ],
    [
      'another root on the invoice',
      () => ({
        ...bundle,
        invoice: { ...bundle.invoice, tree: { size: 7, root: Buffer.alloc(32).toString('base64'), consistency: [] } },
      }),
      'does not continue the one of 7',
    ],
    [
      'an earlier checkpoint of another log',
      () => ({
        ...bundle,
        earlier: bundle.earlier.map((each) => ({ ...each, consistency: [...each.consistency].reverse() })),
      }),
      'does not continue the one of 6',
    ],
    [
      'a proof that is cut',
      () => ({ ...bundle, events: bundle.events.map((event) => ({ ...event, inclusion: event.inclusion.slice(1) })) }),
      'is not in the log that was signed',
    ],
    [
      'an event twice',
      () => ({
        ...bundle,
        events: [...bundle.events, ...bundle.events.filter(({ type }) => type === 'InvoiceIssued')],
      }),
      'is not issued exactly once',
    ],
    [
      'another number',
      () => ({ ...bundle, invoice: { ...bundle.invoice, invoiceId: '00000000-0000-5000-8000-000000000000' } }),
      'is not issued exactly once',
    ],
    [
      'a key of the same name, and a wrong id',
      () => ({ ...bundle, publicKey: bundle.publicKey.replace(/\+[0-9a-f]{8}\+/, '+00000000+') }),
      'the public key has another id',
    ],
    [
      'no tree where the invoice names one',
      () => ({ ...bundle, invoice: { ...bundle.invoice, tree: null } }),
      'the invoice names another root',
    ],
  ])('refuses %s', async (_what, changed, reason) =>
    needsPython(async () => {
      const { status, said } = await python(changed());
      expect([status, said]).toEqual([1, expect.stringContaining(reason)]);
    }),
  );

  it('reports a file that is not a bundle, or one that was cut off', async () =>
    needsPython(async () => {
      const { events: _events, ...cut } = bundle;
      expect(await python(cut as AuditBundle)).toEqual({
        status: 1,
        said: expect.stringMatching(/^DOES NOT FIT: .*'events'.*\n$/),
      });
      expect(await python({ ...bundle, checkpoint: 'nothing' })).toEqual({
        status: 1,
        said: expect.stringMatching(/^DOES NOT FIT: [^\n]*\n$/),
      });
      const half = await dir.write('half.json', JSON.stringify(bundle).slice(0, 500));
      const { status, stderr } = spawnSync('python3', [VERIFIER, half], { encoding: 'utf8' });
      expect([status, stderr]).toEqual([1, expect.stringMatching(/^DOES NOT FIT: .*half\.json.*\n$/)]);
      expect(spawnSync('python3', [VERIFIER], { encoding: 'utf8' })).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('verify_bundle.py BUNDLE') as unknown,
      });
    }));

  it('detects another signer by the given key', async () =>
    needsPython(async () => {
      const theirs = newSigner('ledgerline/theirs');
      const { size, root } = readCheckpoint(bundle.checkpoint, readVerifier(bundle.publicKey));
      const forged = {
        ...bundle,
        publicKey: theirs.verifier.text,
        checkpoint: signCheckpoint({ size, root }, theirs),
        earlier: [],
      };
      expect(await python(forged)).toMatchObject({
        status: 0,
        said: expect.stringContaining('compare the public key with one that you were given elsewhere') as unknown,
      });
      expect(await python(forged, bundle.publicKey)).toMatchObject({
        status: 1,
        said: expect.stringContaining('signed with another key than yours') as unknown,
      });
    }));

  it('refuses another key than the given one', async () =>
    needsPython(async () => {
      const { status, said } = await python(bundle, 'other+00000000+AAAA');
      expect([status, said]).toEqual([1, expect.stringContaining('signed with another key than yours')]);
    }));
});
