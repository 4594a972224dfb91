import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COMMANDS, QUERIES } from '#operations/operations';
import { PROJECTIONS } from '#projections/flow';
import { cli, folder } from '../support/cli.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { testDatabase } from '../support/postgres.js';

let files: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  files = await folder();
});
afterAll(async () => files.remove());

describe('ledgerline demo', () => {
  let story: { code: number | null; stdout: string; stderr: string };
  let dataDir: string;
  beforeAll(async () => {
    dataDir = join(files.path, 'demo');
    story = await cli(['demo', '--data-dir', dataDir]);
  });

  it('tells the story with its figures, computed live', () => {
    expect(story.code).toBe(0);
    for (const figure of [
      '1025 rates of 872 keys, 128 keys with several dates, 45 dates; 594 prices of 0',
      '70 usage records',
      'droplet_hours 480, dns_zones 0.645161290322 (0.65), snapshot_gb_month 15.483870967743 (15.48)',
      'metered again: still 70',
      'total 50.00',
      '0.000171296 × 4 cores × 1000 minutes = 0.685184',
      'April: base fee 50.00 + 3.12 + 8.40 + 9.60 = 71.12',
      'in advance, for 2026-05',
      'revenue 71.12  cost 30.53  margin 40.59 (57.1 %)',
      'unattributed     cost 56.39',
      'revenue 71.12  cost 86.92  margin -15.80',
      'as known at position 1160 0.000552518, as known now 0.0000552518',
    ]) {
      expect(story.stdout).toContain(figure);
    }
  });

  it('draws the split line with its three parts', () => {
    expect(story.stdout).toContain(
      [
        '     line L   split  |-----------------------------------------------------------|  groups its parts',
        '     part P1  valid  |-----------------------------|                                billed 3.12',
        '     part P2  valid                                |-------------|                  billed 8.40',
        '     part P3  valid                                              |---------------|  billed 9.60',
      ].join('\n'),
    );
  });

  it('leaves a ledger for the other commands', async () => {
    const margin = await cli(['query', 'margin', 'period=2026-04-15', '--json', '--data-dir', dataDir]);
    expect(JSON.parse(margin.stdout)).toMatchObject({
      overall: { revenue: '71.12', cogs: '86.92', margin: '-15.80', marginPct: '-22.2' },
    });
    const status = await cli(['projections', 'status', '--json', '--data-dir', dataDir]);
    const { items } = JSON.parse(status.stdout) as { items: { name: string; lag: number }[] };
    expect(items.map(({ name }) => name)).toEqual(PROJECTIONS);
    expect(items.every(({ lag }) => lag === 0)).toBe(true);
    const feed = await cli(['query', 'feed', 'after=0', 'limit=1', '--data-dir', dataDir]);
    expect(feed.stdout).toMatch(/^position: \d+$/m);
    expect(feed.stdout).not.toContain('cursor');
  });

  it('leaves a ledger for the tour of the README', async () => {
    const tour = /^```sh\n(npx ledgerline query[^]*?)^```$/m.exec(await readFile('README.md', 'utf8'))?.[1] ?? '';
    const commands = tour.split('\n').flatMap((line) => /^npx ledgerline ([^#]*?) *#/.exec(line)?.[1] ?? []);
    expect(commands).toHaveLength(5);
    // Serving does not end.
    expect(commands.pop()).toBe('up');
    const outputs = [];
    for (const command of commands) {
      const { code, stdout, stderr } = await cli([...command.split(' '), '--data-dir', dataDir]);
      expect([command, code, code === 0 ? '' : stderr]).toEqual([command, 0, '']);
      outputs.push(stdout);
    }
    // The margin of April, the usage before a reading was corrected, the invoice, and nothing wrong.
    expect(outputs).toEqual([
      expect.stringContaining('revenue 71.12  cogs 86.92  margin -15.80'),
      expect.stringContaining('droplet_hours: '),
      expect.stringContaining('INV-000003'),
      expect.stringContaining('every invariant holds'),
    ]);
  });

  it('replaces its own directory and refuses any other', async () => {
    expect((await cli(['demo', '--data-dir', dataDir])).code).toBe(0);
    await files.write('someone', 'else');
    const refused = await cli(['demo', '--data-dir', files.path]);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toContain('was not created by the demo. Choose another directory with --data-dir.');
    expect(existsSync(join(files.path, 'someone'))).toBe(true);
  });
});

describe('ledgerline apply', () => {
  let database: Awaited<ReturnType<typeof testDatabase>>;
  let env: { DATABASE_URL: string };
  beforeAll(async () => {
    database = await testDatabase();
    env = { DATABASE_URL: database.url };
  });
  afterAll(async () => database.drop());

  const commands = [
    '{"command":"register-tenant","tenantId":"t","name":"T","currency":"USD"}',
    '',
    '{"command":"register-tenant","tenantId":"t","name":"T","currency":"EUR"}',
    'not json',
    '{"command":"register-deployment","deploymentId":"d","tenantId":"nobody","name":"d","from":"2026-04-01T00:00:00Z"}',
    '{"command":"register-deployment","deploymentId":"d","tenantId":"t","name":"d","from":"2026-04-01T02:00:00+02:00"}',
  ].join('\n');

  it('reports each command, continues after a refusal, and then exits 1', async () => {
    const file = await files.write('commands.jsonl', commands);
    const { code, stdout, stderr } = await cli(['apply', file, '--json'], { env });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([
      { index: 0, command: 'register-tenant', status: 'done', position: 1 },
      { index: 1, command: 'register-tenant', status: 'refused', error: { code: 'conflicting_body' } },
      { index: 2, status: 'refused', error: { code: 'not_json' } },
      { index: 3, command: 'register-deployment', status: 'refused', error: { code: 'unknown_tenant' } },
      { index: 4, command: 'register-deployment', status: 'done', position: 2 },
    ]);
    expect(stderr).toContain('commands.jsonl:4: (not JSON) was refused');
  });

  it('changes nothing if the same file is applied again, and reads from stdin', async () => {
    const again = await cli(['apply', '-', '--json'], { env, input: commands });
    expect((JSON.parse(again.stdout) as { status: string }[]).map(({ status }) => status)).toEqual([
      'unchanged',
      'refused',
      'refused',
      'refused',
      'unchanged',
    ]);
  });

  it('is visible to the next query, with the answer of REST', async () => {
    const { stdout } = await cli(['query', 'deployments', '--json'], { env });
    expect(JSON.parse(stdout)).toEqual({
      items: [
        { deploymentId: 'd', name: 'd', tenantId: 't', assignments: [{ tenantId: 't', from: '2026-04-01T00:00:00Z' }] },
      ],
      nextCursor: null,
    });
    // Also as CSV: one line for each item, an object as JSON.
    expect((await cli(['query', 'deployments', '--csv'], { env })).stdout).toBe(
      'deploymentId,name,tenantId,assignments\nd,d,t,"[{""tenantId"":""t"",""from"":""2026-04-01T00:00:00Z""}]"\n',
    );
    expect(await cli(['query', 'deployments', '--csv', '--json'], { env })).toMatchObject({ code: 2 });
  });

  it('proposes a correction above its limit, and approves it as another actor', async () => {
    const own = await testDatabase();
    const limited = { DATABASE_URL: own.url, LEDGERLINE_FOUR_EYES: 'USD:1.00' };
    const from = '2026-04-01T00:00:00Z';
    const story = [
      tenant('two'),
      deployment('two', 'two'),
      plan('two', '5.00', []),
      subscription('two', 'two', 'two'),
      // From 5.00 to 7.00
      { command: 'correct-plan', planId: 'two', baseFee: '7.00', effectiveFrom: from, reason: 'as agreed' },
    ];
    const input = story.map((each) => JSON.stringify(each)).join('\n');
    const proposed = await cli(['apply', '-', '--actor', 'mira'], { env: limited, input });
    expect(proposed).toMatchObject({ code: 0, stderr: expect.stringContaining('4 accepted, 0 refused, 1 proposed') });
    const [, proposalId = ''] = /5\tproposed\tcorrect-plan\tproposalId: ([^;]+);/.exec(proposed.stdout) ?? [];
    const approval = JSON.stringify({ command: 'approve-proposal', proposalId });
    expect(await cli(['apply', '-', '--actor', 'noor'], { env: limited, input: approval })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1\tdone\tapprove-proposal\t/),
    });
    await own.drop();
  });

  it('shows what a file would do, records nothing, and executes one command from the command line', async () => {
    const own = await testDatabase();
    const ours = { DATABASE_URL: own.url };
    const say = async (...args: string[]) => cli(['execute', ...args], { env: ours });
    const file = await files.write(
      'story.jsonl',
      [tenant('one'), deployment('one', 'one'), plan('one', '5.00', []), subscription('one', 'one', 'one')]
        .map((each) => JSON.stringify(each))
        .join('\n'),
    );
    const tenants = async () => (await cli(['query', 'tenants', '--csv'], { env: ours })).stdout.split('\n')[1];
    expect(await cli(['apply', file, '--dry-run'], { env: ours })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('month 2026-04  5.00 USD'),
    });
    expect(await tenants()).toBe('');
    expect(await cli(['apply', file], { env: ours })).toMatchObject({ code: 0 });
    // From 5.00 to 7.00, by 2.00.
    const correction = ['correct-plan', 'planId=one', 'baseFee=7.00', 'effectiveFrom=2026-04-01T00:00:00Z'];
    const previewed = await say(...correction, 'effectiveUntil=2026-05-01T00:00:00Z', 'reason=agreed', '--preview');
    expect(previewed).toMatchObject({ code: 0, stdout: expect.stringContaining('total  2.00 USD') });
    expect(await say(...correction, 'effectiveUntil=2026-05-01T00:00:00Z', 'reason=agreed')).toMatchObject({ code: 0 });
    for (const [args, code, said] of [
      // A field of an object by its path, and a list as JSON.
      [
        ['correct-plan', ...correction.slice(1), 'items=[{"billingKind":"x","price":{"model":"unit"}}]'],
        1,
        /unitAmount/,
      ],
      [
        ['correct-price', 'planId=one', 'billingKind=x', 'price.model=unit', 'price.unitAmount=0.02'],
        1,
        /effectiveFrom/,
      ],
      [['correct-plan', 'items=x'], 2, /items=x: items must be a list in JSON, such as \["a","b"\]/],
      [['correct-plan', 'price', 'x=1'], 2, /"price" is not a field with its value\. Quote/],
      [['set-grace-period', 'hours=six'], 2, /hours=six: hours must be a whole number, such as 6/],
      [['set-grace-period', '--based-on', '1'], 2, /--based-on is for corrections only/],
      [['correct-plan', 'basedOn=1'], 2, /give the position with --based-on/],
      [['correct-plan', 'planId=one', 'planId.x=two'], 2, /planId already has a value that has no fields/],
      [['correct-plan', 'planId=one', 'planId=two'], 2, /planId is given twice/],
      [['corect-plan'], 2, /unknown command "corect-plan"\. Did you mean "correct-plan"\?/],
    ] as const) {
      const wrong = await say(...args);
      expect(wrong).toMatchObject({ code, stderr: expect.stringMatching(said) });
    }
    // What may be null is null, a list is JSON, and a number is one.
    const values = ['email=null', 'currencies=["EUR"]', 'paymentTermsDays=14', 'name=Ones', 'reason=moved'];
    expect(await say('correct-tenant', 'tenantId=one', ...values)).toMatchObject({ code: 0, stderr: '' });
    const { items } = JSON.parse((await cli(['query', 'tenants', '--json'], { env: ours })).stdout) as {
      items: object[];
    };
    expect(items).toMatchObject([{ name: 'Ones', email: null, currencies: ['EUR'], paymentTermsDays: 14 }]);
    // Nobody but the tenant itself has an open invoice. A repetition says so again.
    const payment = ['tenantId=one', 'currency=USD', 'paymentId=x', 'amount=1.00', 'payerId=payer'];
    expect(await say('register-tenant', 'tenantId=payer', 'name=P', 'currency=USD')).toMatchObject({ code: 0 });
    for (const status of ['done', 'unchanged'])
      expect(await say('record-payment', ...payment, 'at=2026-05-02T00:00:00Z')).toMatchObject({
        ...{ code: 0, stderr: '' },
        stdout: expect.stringMatching(new RegExp(`^${status} \\{"notice":"Payment x pays nothing: .+`)),
      });
    expect(await say('register-tenant', 'tenantId=payer', 'name=P', 'currency=USD')).toMatchObject({
      ...{ code: 0, stdout: 'unchanged\n', stderr: expect.stringContaining('the same command was recorded before') },
    });
    const twice = await cli(['apply', '-', '-'], { env: ours });
    expect(twice).toMatchObject({ code: 2, stderr: expect.stringContaining('- (stdin) is given twice') });
    await own.drop();
  });

  it('issues, lists and revokes tokens of the API', async () => {
    const secret = { ...env, LEDGERLINE_JWT_SECRET: 'a secret of at least 32 characters' };
    const token = async (...args: string[]) => cli(['token', ...args], { env: secret });
    const made = await token('create', '--role', 'tenant', '--tenant', 't', '--expires', '2h', '--json');
    const { token: jwt, id, expiresAt } = JSON.parse(made.stdout) as Record<string, string>;
    const claims: unknown = JSON.parse(Buffer.from(jwt?.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ jti: id, sub: 't', role: 'tenant', tenantId: 't', exp: expect.any(Number) });
    const listed = async () => (JSON.parse((await token('list', '--json')).stdout) as { items: object[] }).items;
    const issued = { tokenId: id, actor: 't', role: 'tenant', tenantId: 't', expiresAt };
    expect(await listed()).toEqual([{ ...issued, issuedAt: expect.any(String), revokedAt: null, reason: null }]);
    expect(await token('revoke', id ?? '', '--reason', 'lost')).toMatchObject({ code: 0 });
    expect(await listed()).toMatchObject([{ ...issued, revokedAt: expect.any(String), reason: 'lost' }]);
    for (const [args, code, said] of [
      [['create', '--role', 'tenant'], 2, /needs --tenant/],
      [['create', '--role', 'operator', '--tenant', 't'], 2, /reads all tenants\. Remove --tenant/],
      [['create', '--role', 'king'], 2, /--role must be one of platform_admin,/],
      [['create', '--role', 'operator', '--expires', 'soon'], 2, /"soon" is not a duration/],
      [['revoke', 'nobody'], 1, /no token was issued with the id nobody\. "ledgerline token list" shows all ids\./],
      [['revoke'], 2, /token revoke ID/],
    ] as const)
      expect(await token(...args)).toMatchObject({ code, stderr: expect.stringMatching(said) });
    const brief = { ...secret, LEDGERLINE_JWT_LONGEST_LIFE: '12h' };
    const operator = ['token', 'create', '--role', 'operator'];
    expect(await cli([...operator, '--expires', '1d'], { env: brief })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--expires 1d is longer than LEDGERLINE_JWT_LONGEST_LIFE (12h) allows'),
    });
    expect((await cli(operator, { env: brief })).stderr).toMatch(/^operator, id /m);
    expect(await cli(['token', 'create', '--role', 'operator'], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Set LEDGERLINE_JWT_SECRET as the API has it'),
    });
  });

  it('meters days and invoices what is due', async () => {
    const input = [
      '{"command":"publish-plan","planId":"p","name":"p","currency":"USD","baseFee":"10.00","paymentTerm":"in_advance","effectiveFrom":"2026-01-01T00:00:00Z","items":[{"billingKind":"droplet_hours","price":{"model":"unit","unitAmount":"0.01"}}]}',
      '{"command":"start-subscription","subscriptionId":"s","deploymentId":"d","planId":"p","from":"2026-04-01T00:00:00Z"}',
      '{"command":"observe-resource","provider":"do","providerId":"1","kind":"droplet","name":"1","status":"active","seenAt":"2026-04-01T00:00:00Z","deploymentId":"d"}',
    ].join('\n');
    expect((await cli(['apply', '-'], { env, input })).code).toBe(0);
    const metered = await cli(['meter', '--date', '2026-04-01', '--to', '2026-04-03', '--json'], { env });
    expect(JSON.parse(metered.stdout)).toEqual({
      days: [
        { date: '2026-04-01', count: 1 },
        { date: '2026-04-02', count: 1 },
        { date: '2026-04-03', count: 1 },
      ],
    });
    const asOf = ['--as-of', '2026-04-03T00:00:00Z', '--issue', '--json'];
    const first = await cli(['invoice', ...asOf], { env });
    // 10.00 in advance, and 2 × 24 × 0.01.
    expect(JSON.parse(first.stdout)).toMatchObject({
      invoices: [{ number: 'INV-000001', tenantId: 't', total: '10.48', status: 'issued' }],
    });
    expect(JSON.parse((await cli(['invoice', ...asOf], { env })).stdout)).toEqual(JSON.parse(first.stdout));
  });
});

describe('ledgerline rate and quote', () => {
  it('rates each request of a batch, also the invalid ones', async () => {
    const requests = [
      {
        id: 'x1',
        currency: 'USD',
        price: { model: 'unit', unitAmount: '0.001' },
        steps: [{ cumulatives: ['333'] }, { cumulatives: ['333', '666'], final: true }],
      },
      { id: 'x2', currency: 'USD', price: { model: 'package', packageSize: '-1', packageAmount: '1' }, steps: [] },
    ];
    const { code, stdout } = await cli(['rate', await files.write('requests.json', JSON.stringify(requests))]);
    expect(code).toBe(0);
    // 0.333 is 0.33; 0.666 is 0.67, minus the booked 0.33: 0.34.
    expect(JSON.parse(stdout)).toMatchObject([
      { id: 'x1', net: '0.67', steps: [{ net: '0.33' }, { net: '0.34' }] },
      { id: 'x2', error: { code: 'package_size_not_positive' } },
    ]);
  });

  it('quotes a plan from a file without a store', async () => {
    const plan = {
      planId: 'studio',
      name: 'Studio',
      currency: 'USD',
      baseFee: '50.00',
      paymentTerm: 'in_advance',
      items: [{ billingKind: 'droplet_hours', included: '1488', price: { model: 'unit', unitAmount: '0.01' } }],
    };
    const planFile = await files.write('plan.json', JSON.stringify(plan));
    const usageFile = await files.write('usage.json', '{"droplet_hours":"3600"}');
    const { code, stdout } = await cli(['quote', '--plan', planFile, '--usage', usageFile, '--json'], {
      env: { DATABASE_URL: 'postgres://nowhere.invalid/none' },
    });
    expect(code).toBe(0);
    // (3600 − 1488) × 0.01 = 21.12
    expect(JSON.parse(stdout)).toMatchObject({ subtotal: '71.12', tax: '0.00', total: '71.12' });
  });
});

describe('ledgerline --version', () => {
  it('prints the version in package.json', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('wrong usage', () => {
  it.each([
    [['nonsense']],
    [['rate']],
    [['apply']],
    [['quote', '--plan', 'x']],
    [['query', 'usage', '--nonsense']],
    [['projections', 'nonsense']],
    [['query', 'usage-records', 'deploymentId=d\uFFFD']],
    ...['0x10', '1e2', ' 5', '+5', ''].map((position): [string[]] => [
      'rates correct --type a --family b --location c --price 1 --from 2026-01-01 --reason r --based-on'
        .split(' ')
        .concat(position),
    ]),
  ])('%j exits 2', async (args) => {
    expect((await cli(args)).code).toBe(2);
  });

  it('exits 2, while a failure exits 1 and prints the error', async () => {
    const missing = await cli(['rate', join(files.path, 'missing.json')]);
    expect([missing.code, missing.stderr]).toEqual([
      1,
      `ledgerline: file not found: ${join(files.path, 'missing.json')}\n`,
    ]);
  });

  it('lists every query in the help of query, and every command in the help of apply', async () => {
    const asked = (await cli(['query', '--help'])).stdout;
    for (const { name, summary } of QUERIES.values()) expect(asked).toContain(`  ${name}: ${summary}`);
    expect(asked).toContain('    [limit] [cursor] [tenantId] [payerId] [status] [invoiceIds] [withoutLines]\n');
    const applied = (await cli(['apply', '--help'])).stdout;
    for (const { name, summary } of COMMANDS.values()) expect(applied).toContain(`  ${name}: ${summary}`);
  });

  it('lists the commands, and shows one with its fields, without a database', async () => {
    const { stdout } = await cli(['commands']);
    const lines = stdout.split('\n').map((text) => text.replace(/ +/, ' '));
    for (const { name, summary } of COMMANDS.values()) expect(lines).toContain(`${name} ${summary}`);
    const one = await cli(['commands', 'set-rate']);
    expect(one.stdout).toMatch(/^unitPrice +yes +decimal +the price of one unit +"0\.000171296"$/m);
    expect(one.stdout).toContain('use correct-rate or withdraw.');
    expect(one.stdout).toContain('example: {"command":"set-rate",');
    expect(JSON.parse((await cli(['commands', 'set-rate', '--json'])).stdout)).toMatchObject({
      name: 'set-rate',
      fields: expect.arrayContaining([expect.objectContaining({ path: 'unitPrice', isRequired: true })]),
    });
    expect(await cli(['commands', 'nothing'])).toMatchObject({
      code: 2,
      stderr: 'ledgerline: unknown command "nothing". Run: ledgerline commands\n',
    });
    expect(await cli(['commands', 'set-rat'])).toMatchObject({
      code: 2,
      stderr: 'ledgerline: unknown command "set-rat". Did you mean "set-rate"? Run: ledgerline commands\n',
    });
  });

  it('refuses an unknown query, and a file in place of a folder, before anything is started or written', async () => {
    const dataDir = join(files.path, 'not-there-yet');
    const unknown = await cli(['query', 'margn', '--data-dir', dataDir], { env: { DATABASE_URL: '' } });
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toMatch(/^ledgerline: unknown query "margn"\. Did you mean "margin"\? Queries: /);
    expect(existsSync(dataDir)).toBe(false);
    const file = await files.write('a-file', 'mine');
    for (const name of [file, join(file, 'in-it')])
      expect(await cli(['init', name])).toMatchObject({
        code: 2,
        stderr: `ledgerline: ${name} is a file, or lies in one. Give the name of a folder\n`,
      });
    expect(await readFile(file, 'utf8')).toBe('mine');
  });

  it('has an example in the help of every command', async () => {
    for (const name of [
      'demo',
      'up',
      'apply',
      'rate',
      'quote',
      'meter',
      'invoice',
      'query',
      'explain',
      'projections',
    ]) {
      const { code, stdout } = await cli([name, '--help']);
      expect([name, code, stdout.includes(`ledgerline ${name}`), stdout.includes('Example:')]).toEqual([
        name,
        0,
        true,
        true,
      ]);
    }
  });
});
