import { html } from '#exchange/documents/html';
import { consoleFiles } from '../console/files.js';
import { PROBLEM_KINDS } from '../problem.js';

/** The reference of the API: Swagger UI on the OpenAPI document, and the kinds of problems that `type` links to. */
export const docsPage = (): string => consoleFiles().pages.reference.replace('%PROBLEMS%', problems());

function problems(): string {
  const rows = PROBLEM_KINDS.map(
    ({ anchor, status, title }) =>
      html`<tr id="${anchor}"><td><code>${anchor}</code></td><td>${status}</td><td>${title}</td></tr>`,
  );
  return html`<section>
      <h2>Problems</h2>
      <p>
        Refusals are <code>application/problem+json</code> (RFC 9457), with a stable <code>code</code> and the faulty
        fields in <code>errors</code>.
      </p>
      <table>
        <thead><tr><th>Type</th><th>Status</th><th>Meaning</th></tr></thead>
        <tbody>${rows}</tbody>
      </table>
    </section>`.text;
}
