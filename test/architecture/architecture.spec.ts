import { spawnSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { eventSchemas } from '#domain/events';
import { FROM_EVER } from '#domain/time/instant';
import { EventCodec } from '#event-store/codec';
import { PROJECTIONS } from '#projections/flow';
import { sourcesIn } from './sources.js';

/** What no other check says of the sources. Jest runs in the root of the repository. */

const HERE = 'test/architecture/architecture.spec.ts';
const sources = ['apps', 'libs', 'projections', 'test'].flatMap(sourcesIn);
const codec = new EventCodec();

/**
 * How many versions of an event's shape the codec knows: it refuses the first one beyond by its version, whatever the
 * data.
 */
function versionsOf(type: string): number {
  for (let v = 1; ; v += 1) {
    const metadata = JSON.stringify({ actor: 'test', v });
    try {
      codec.decode({ id: '', stream: '', revision: 0, position: 1, type, data: '{}', metadata, recordedAt: FROM_EVER });
    } catch (error) {
      if (error instanceof Error && error.message.includes('its shape has version')) return v - 1;
    }
  }
}

describe('events', () => {
  it('each have one golden file per version ever written, and no other files', () => {
    const files = (type: string): string[] =>
      Array.from({ length: versionsOf(type) }, (_, index) => `${type}.v${index + 1}.json`);
    const wanted = Object.keys(eventSchemas).flatMap(files);
    // A field that was added later, as one that may be absent, has a separate file:
    // InvoiceIssued.v1.quarantined.json
    const found = new Set(
      readdirSync('test/golden/events').map((file) => file.replace(/^(\w+\.v\d+)\.[a-z]+\.json$/, '$1.json')),
    );
    expect([...found].sort()).toEqual(wanted.sort());
  });
});

describe('projections', () => {
  it('each have a folder with tables, a projection and a spec, and are in the flow', () => {
    const folders = readdirSync('projections', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual([...PROJECTIONS].sort());
    for (const name of PROJECTIONS) {
      const files = ['table', 'projection', 'spec'].map((kind) => `projections/${name}/${name}.${kind}.ts`);
      expect(files.filter((file) => !existsSync(file))).toEqual([]);
    }
  });

  it('register each of their tables as a read model under its own name', () => {
    for (const path of globSync('projections/*/*.table.ts')) {
      const text = readFileSync(path, 'utf8');
      const named = [...text.matchAll(/defineTable\(\{\s*name: '(\w+)'/g)].map(([, name]) => name);
      const [, listed = ''] = /interface ReadModels \{([^}]*)\}/.exec(text) ?? [];
      expect([path, [...listed.matchAll(/(\w+): History</g)].map(([, name]) => name)]).toEqual([path, named]);
    }
  });
});

describe('docs/decisions.md', () => {
  it('has each record in its index, and links to no other', () => {
    const page = readFileSync('docs/decisions.md', 'utf8');
    const headings = [...page.matchAll(/^##+ (.+)$/gm)].map(([, title = '']) => title);
    const slugOf = (title: string): string =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_\- ]/gu, '')
        .replaceAll(' ', '-');
    const links = [...page.matchAll(/\[([^\]]+)\]\(#([^)]+)\)/g)].map(([, title, slug]) => [title, slug]);
    expect(links).toEqual(headings.map((title) => [title, slugOf(title)]));
  });
});

describe('sources', () => {
  const linesWith = (pattern: RegExp): string[] =>
    sources
      .filter(({ path }) => path !== HERE)
      .flatMap(({ path, text }) => text.split('\n').map((line, index) => ({ line, place: `${path}:${index + 1}` })))
      .flatMap(({ line, place }) => (pattern.test(line) ? [`${place} ${line.trim()}`] : []));

  it('have at most 425 lines per file, and 750 per spec', () => {
    const lengths = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
    const tooLong = lengths.filter(({ path, lines }) => lines > (path.endsWith('.spec.ts') ? 750 : 425));
    expect(tooLong).toEqual([]);
  });

  it('name the tables of the log only in its adapter', () => {
    // A spec that tests the detection of tampering must tamper.
    expect(
      linesWith(/ledgerline_log\b/).filter(
        (line) => !/^((libs\/event-store|test)\/|libs\/transparency\/src\/verify\.spec\.ts)/.test(line),
      ),
    ).toEqual([]);
  });

  it('ask a price for its properties, never for the name of its model', () => {
    expect(linesWith(/\bmodel\s*[!=]==/).filter((line) => !line.startsWith('libs/domain/src/prices/'))).toEqual([]);
  });

  it('have one style of privacy: private, never #', () => {
    expect(linesWith(/this\.#\w/)).toEqual([]);
  });

  it('read events only through the codec, which converts old versions', () => {
    expect(
      linesWith(/JSON\.parse\([^)]*\b(data|metadata)\b/).filter((line) => !/^test\/|\.spec\.ts/.test(line)),
    ).toEqual([]);
  });

  it('have no line over 120 characters; in tests, quoted data and patterns may be longer', () => {
    const isProse = (line: string): boolean => /^\S+ (\/\/|\*|\/\*\*) |\b(SELECT|INSERT|UPDATE|DELETE) /.test(line);
    expect(linesWith(/^.{121}/).filter((line) => !line.startsWith('test/') || isProse(line))).toEqual([]);
  });

  it.each([
    ['libs/domain/src/money/x.ts', 'Date.now(); Math.round(a); Number(b);', 4],
    ['libs/domain/src/time/x.ts', 'new Date(a); Number(b);', 0],
    ['projections/invoices/x.ts', 'process.exit(); console.log(1.5);', 2],
    ['libs/billing/src/x.ts', 'Math.random(); new Date(); console.log(1.5);', 3],
    ['libs/billing/src/x.spec.ts', 'Math.random(); new Date(); console.log(1.5);', 0],
    ['apps/cli/src/x.ts', 'new Date(); console.log(1.5);', 0],
  ])('in %s, the linter finds in "%s" %i faults', (file, text, faults) => {
    const root = mkdtempSync(path.join(os.tmpdir(), 'ledgerline-lint-'));
    try {
      mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
      writeFileSync(path.join(root, file), text);
      const lint = ['node_modules/oxlint/bin/oxlint', '--config', 'test/architecture/oxlint.json', '--format', 'unix'];
      const { stdout } = spawnSync(process.execPath, [...lint, root], { encoding: 'utf8' });
      expect(stdout.split('\n').filter((line) => line.includes('x.'))).toHaveLength(faults);
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it('skip no test, and focus none', () => {
    expect(linesWith(/\b(describe|it|test)(\.\w+)*\.(only|skip|todo|failing)\b|\b[fx](describe|it|test)\(/)).toEqual(
      [],
    );
  });

  it('disable no check, and leave no TODO', () => {
    expect(linesWith(/(eslint|oxlint)-disable|@ts-(ignore|nocheck|expect-error)|\b(TODO|FIXME|XXX)\b/)).toEqual([]);
  });

  it('are TypeScript, except files that a tool loads itself', () => {
    // npx runs it as it is.
    expect(globSync('{apps,libs,projections}/**/*.{js,mjs,cjs}')).toEqual(['apps/cli/bin/ledgerline.js']);
  });
});
