import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { flow, PROJECTIONS } from './flow.js';
import { projections } from './index.js';

const FLOW = path.resolve('projections/flow.ts');
const MARGINS = path.resolve('projections/margins/margins.projection.ts');
const TENANTS = path.resolve('projections/tenants/tenants.projection.ts');

describe('the flow', () => {
  it.each(Object.entries(flow))('names the projections of %s in their order', (_type, line) => {
    expect(line).toEqual(PROJECTIONS.filter((name) => new Set<string>(line).has(name)));
  });

  it('sends at least one event to every projection', () => {
    expect(projections.filter(({ handles }) => handles.size === 0)).toEqual([]);
  });
});

describe('a table that only its own projection reads while it is filled', () => {
  /** What a projection reads: its own file, and the files beside it and elsewhere that it imports. */
  const textsOf = (file: string, known = new Set<string>()): string => {
    if (known.has(file) || !existsSync(file)) return '';
    known.add(file);
    const text = readFileSync(file, 'utf8');
    const imported = [...text.matchAll(/from '(\.{1,2}\/[^']+)\.js'/g)].map(([, name]) =>
      path.join(path.dirname(file), `${name ?? ''}.ts`),
    );
    return [text, ...imported.filter((each) => !each.endsWith('.table.ts')).map((each) => textsOf(each, known))].join(
      '\n',
    );
  };
  const own = projections.flatMap(({ name, tables }) =>
    tables.flatMap((table) => (table.readByItsOwn === true ? [{ owner: name, table: table.name }] : [])),
  );

  it.each(own)('$table of $owner is read by no other projection', ({ owner, table }) => {
    const others = projections.filter(({ name }) => name !== owner);
    const readers = others.filter(({ name }) =>
      new RegExp(`(FROM|JOIN) ${table}\\b`).test(textsOf(path.resolve(`projections/${name}/${name}.projection.ts`))),
    );
    expect(readers.map(({ name }) => name)).toEqual([]);
  });
});

describe('handlers that do not match the flow', () => {
  const errorsOf = compiler();

  it('compile unchanged', () => {
    expect(errorsOf([FLOW, TENANTS, MARGINS])).toEqual([]);
  });

  it('do not compile if an event has no line', () => {
    const errors = errorsOf([FLOW], ["  TenantGracePeriodSet: ['tenants', 'commands'],\n", '']);
    expect(errors[0]).toContain("Property 'TenantGracePeriodSet' is missing in type");
  });

  it('do not compile if a line omits the projection of every event', () => {
    const errors = errorsOf(
      [FLOW],
      ["TenantGracePeriodSet: ['tenants', 'commands']", "TenantGracePeriodSet: ['tenants']"],
    );
    expect(errors[0]).toContain(`Type 'readonly ["tenants"]' is not assignable to type 'Line'`);
  });

  it('do not compile if a projection lacks a handler for one of its events', () => {
    const errors = errorsOf(
      [TENANTS, MARGINS],
      ["InvoiceDrafted: ['invoices', 'commands']", "InvoiceDrafted: ['tenants', 'invoices', 'commands']"],
      ["InvoicePaid: ['invoices', 'commands']", "InvoicePaid: ['invoices', 'margins', 'commands']"],
    );
    expect(errors).toEqual([
      expect.stringContaining("Property 'InvoiceDrafted' is missing in type"),
      expect.stringContaining("Property 'InvoicePaid' is missing in type"),
    ]);
  });

  it('do not compile if a projection handles an event that is not one of its events', () => {
    const errors = errorsOf(
      [TENANTS, MARGINS],
      ["TenantGracePeriodSet: ['tenants', 'commands']", "TenantGracePeriodSet: ['commands']"],
      ["InvoiceVoided: ['invoices', 'restatements', 'margins', 'commands']", "InvoiceVoided: ['commands']"],
    );
    expect(errors.filter((error) => error.includes('does not exist in type'))).toEqual([
      expect.stringContaining("'TenantGracePeriodSet' does not exist in type"),
      expect.stringContaining("'InvoiceVoided' does not exist in type"),
    ]);
  });
});

/** The compiler errors in some files, after texts of the flow were replaced. */
function compiler(): (files: readonly string[], ...replaced: readonly (readonly [string, string])[]) => string[] {
  const config = ts.readJsonConfigFile('tsconfig.json', (name) => ts.sys.readFile(name));
  const { options } = ts.parseJsonSourceFileConfigFileContent(config, ts.sys, '.');
  const host = ts.createCompilerHost(options);
  const parse = host.getSourceFile.bind(host);
  const parsed = new Map<string, ts.SourceFile | undefined>();
  const source = ts.sys.readFile(FLOW) ?? '';
  return (files, ...replaced) => {
    const text = replaced.reduce((before, [from, to]) => {
      if (!before.includes(from)) throw new Error(`the flow has no ${from}`);
      return before.replace(from, to);
    }, source);
    host.getSourceFile = (name, version) => {
      if (name === FLOW) return ts.createSourceFile(name, text, version);
      if (!parsed.has(name)) parsed.set(name, parse(name, version));
      return parsed.get(name);
    };
    const program = ts.createProgram(files, { ...options, noEmit: true }, host);
    return files
      .flatMap((file) => program.getSemanticDiagnostics(program.getSourceFile(file)))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  };
}
