import { createHash } from 'node:crypto';
import type { Details } from '#ledger/tenant-details';
import { html, Html } from './html.js';
import { DOCUMENT_STYLE } from './style.js';

/** The content security policy that a document needs: its one inline style, and nothing else. */
export const DOCUMENT_STYLE_SOURCE = `'sha256-${createHash('sha256').update(DOCUMENT_STYLE).digest('base64')}'`;

/** DRAFT or VOID across every page, so that nobody pays it. */
export interface Mark {
  readonly word: string;
  readonly says: string;
}

export interface Column {
  readonly heading: string;
  /** A figure is right-aligned and never broken across lines. See the style. */
  readonly kind: 'name' | 'figure';
}

export interface DocumentPage {
  /** `Invoice INV-000001`. */
  readonly title: string;
  readonly mark: Mark | null;
  /** What must be read before anything else. Default: nothing. */
  readonly notice?: string;
  /** The seller as configured: free text, with its line breaks. null: not configured. */
  readonly seller: string | null;
  /** null: erased. */
  readonly tenant: Details | null;
  readonly tenantId: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly columns: readonly Column[];
  /** Bodies of one table, so that its head is repeated on every page. */
  readonly bodies: readonly Html[];
  readonly notes: readonly string[];
  /** For staff only. Never printed. */
  readonly forStaff: readonly string[];
}

/** One self-contained file: no script, no external resource, inline style. */
export function documentPage(page: DocumentPage): string {
  const { title, mark, seller, tenantId, facts } = page;
  const name = page.tenant?.name ?? '[name erased]';
  const running = [mark?.word, title, name].filter((each) => each !== undefined).join(' · ');
  const from = seller === null ? '' : html`<div><h2>From</h2><p class="seller">${seller}</p></div>`;
  const forStaff = page.forStaff.map((each) => html`<p>${each}</p>`);
  const staff =
    forStaff.length === 0 ? '' : html`<aside class="staff"><h2>For staff; not printed</h2>${forStaff}</aside>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src ${DOCUMENT_STYLE_SOURCE}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${mark === null ? title : `${mark.word} · ${title}`}</title>
<style>${new Html(DOCUMENT_STYLE)}</style>
</head>
<body>
${mark === null ? '' : html`<div class="watermark" aria-hidden="true"><span>${mark.word}</span></div>`}
<header class="heading"><h1>${title}</h1>${from}</header>
${mark === null ? '' : html`<p class="mark"><strong>${mark.word}</strong>${mark.says}</p>`}
${page.notice === undefined ? '' : html`<p class="mark">${page.notice}</p>`}
<section class="parties">
<div><h2>To</h2><p class="tenant">${name}</p>${detailsOf(page.tenant)}<p>Account ${tenantId}</p></div>
<dl>${facts.map(([fact, value]) => html`<dt>${fact}</dt><dd>${value}</dd>`)}</dl>
</section>
${tableOf(page, running)}
<footer class="notes">${page.notes.map((note) => html`<p>${note}</p>`)}</footer>
${staff}
</body>
</html>`.text;
}

function detailsOf(tenant: Details | null): Html[] {
  const { address, taxNumber, email } = tenant ?? {};
  return [
    ...(address === undefined ? [] : [html`<p class="address">${address}</p>`]),
    ...(taxNumber === undefined ? [] : [html`<p>Tax number ${taxNumber}</p>`]),
    ...(email === undefined ? [] : [html`<p>${email}</p>`]),
  ];
}

function tableOf({ columns, bodies }: DocumentPage, running: string): Html {
  return html`<table>
<colgroup>${columns.map(({ kind }) => html`<col class="${kind}">`)}</colgroup>
<thead>
<tr class="running"><th colspan="${columns.length}">${running}</th></tr>
<tr>${columns.map(({ heading, kind }) => html`<th scope="col" class="${kind}">${heading}</th>`)}</tr>
</thead>
${bodies.map(
  (body) => html`${body}
`,
)}</table>`;
}
