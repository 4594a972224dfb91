import { z } from 'zod';
import { html, type Html } from '#exchange/documents/html';
import { PROBLEM_KINDS } from '../problem.js';
import type { JsonObject } from './json-schema.js';

const zParameter = z.object({ name: z.string(), in: z.string(), required: z.boolean(), schema: z.json() });
const zOperation = z.object({
  tags: z.array(z.string()),
  summary: z.string(),
  parameters: z.array(zParameter).default([]),
  requestBody: z.json().optional(),
  responses: z.record(z.string(), z.json()),
  'x-roles': z.array(z.string()).optional(),
});
const zDocument = z.object({
  info: z.object({ title: z.string(), description: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), zOperation)),
  components: z.object({ schemas: z.record(z.string(), z.json()) }),
});

/** The OpenAPI document as a web page without scripts and external resources. Tools read /api/docs-json. */
export function docsPage(document: JsonObject): string {
  const { info, paths, components } = zDocument.parse(document);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const bySubject = Map.groupBy(operations, ({ operation }) => operation.tags[0] ?? '');
  const subjects = [...bySubject].map(
    ([subject, each]) => html`<section id="${subject}"><h2>${subject}</h2>${each.map(operationBlock)}</section>`,
  );
  const schemas = Object.entries(components.schemas).map(([name, schema]) =>
    foldedJson(`schema-${name}`, name, schema),
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title} API</title>
        <link rel="stylesheet" href="/api/docs.css" />
      </head>
      <body>
        <header>
          <h1>${info.title} API</h1>
          <nav><a href="/api/docs-json">OpenAPI 3.1 as JSON</a> <a href="/console">Console</a></nav>
        </header>
        <main>
          <p>${info.description}</p>
          ${subjects}
          <section><h2>Problems</h2>${problems()}</section>
          <section><h2>Schemas</h2>${schemas}</section>
        </main>
      </body>
    </html>`.text;
}

type Operation = z.output<typeof zOperation>;

function operationBlock({ path, method, operation }: { path: string; method: string; operation: Operation }): Html {
  const roles = operation['x-roles'];
  const parameters = operation.parameters.map(
    ({ name, in: where, required, schema }) =>
      html`<tr>
        <td><code>${name}</code></td><td>${where}${required ? ', required' : ''}</td>
        <td><code>${JSON.stringify(schema)}</code></td>
      </tr>`,
  );
  return html`<article>
    <h3><code>${method.toUpperCase()} ${path}</code></h3>
    <p>${operation.summary}. ${roles === undefined ? 'Open to all.' : `For ${roles.join(', ')}.`}</p>
    ${parameters.length === 0 ? '' : table(['Parameter', 'In', 'Schema'], parameters)}
    ${references(operation)}
  </article>`;
}

/** Links to the schemas that an operation takes and answers. */
function references(operation: Operation): Html {
  const text = JSON.stringify([operation.requestBody ?? null, operation.responses]);
  const names = new Set([...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name ?? ''));
  if (names.size === 0) return html``;
  return html`<p>Schemas: ${[...names].map((name) => html`<a href="#schema-${name}">${name}</a> `)}</p>`;
}

const foldedJson = (id: string, name: string, value: z.core.util.JSONType): Html =>
  html`<details id="${id}"><summary>${name}</summary><pre>${JSON.stringify(value, null, 2)}</pre></details>`;

const table = (headings: readonly string[], rows: readonly Html[]): Html =>
  html`<table><thead><tr>${headings.map((each) => html`<th>${each}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`;

function problems(): Html {
  const rows = PROBLEM_KINDS.map(
    ({ anchor, status, title }) =>
      html`<tr id="${anchor}"><td><code>${anchor}</code></td><td>${status}</td><td>${title}</td></tr>`,
  );
  return html`<p>
      Refusals are <code>application/problem+json</code> (RFC 9457), with a stable <code>code</code> and the faulty
      fields in <code>errors</code>.
    </p>
    ${table(['Type', 'Status', 'Meaning'], rows)}`;
}
