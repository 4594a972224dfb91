/**
 * The style of a document on paper and on screen. It is black on white even in dark mode, like a sheet of paper. The
 * head of the table, with the name of the document, is repeated on every page, and no row is broken across pages.
 * Columns are as wide as their figures, which are never broken. Descriptions get the remaining width.
 */
export const DOCUMENT_STYLE = `
@page { size: A4; margin: 15mm 14mm 17mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt system-ui, sans-serif; color: #555; } }
* { box-sizing: border-box; }
html { color-scheme: light; background: #fff; }
body { margin: 0 auto; padding: 2rem 1.5rem 3rem; max-width: 62rem; font: 10pt/1.4 system-ui, sans-serif;
  color: #16191d; }
body { overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.7em; }
h2 { margin: 0 0 0.2rem; font-size: 0.85em; font-weight: 600; color: #555; }
p { margin: 0.2rem 0; }
.heading, .parties { display: flex; justify-content: space-between; gap: 2rem; margin-bottom: 1.4rem;
  break-inside: avoid; }
.heading > *, .parties > * { flex: 1; min-width: 0; }
.seller, .address { white-space: pre-line; }
p.tenant { font-size: 1.15em; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; margin: 0; }
dt { color: #555; }
dd { margin: 0; }
.mark { margin: 0 0 1.2rem; padding: 0.5rem 0.9rem; border: 3px solid #a4161a; color: #a4161a; break-inside: avoid; }
.mark strong { font-size: 1.5em; letter-spacing: 0.15em; margin-right: 0.6rem; }
.watermark { position: fixed; inset: 0; display: flex; align-items: center; justify-content: center;
  pointer-events: none; }
.watermark { font-size: 9rem; font-weight: 700; letter-spacing: 0.1em; color: rgb(164 22 26 / 14%);
  print-color-adjust: exact; }
.watermark span { transform: rotate(-35deg); }
table { width: 100%; border-collapse: collapse; font-size: 0.92em; }
col.name { width: 100%; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th, td { padding: 0.22rem 0.45rem; text-align: left; vertical-align: top; font-weight: 400; }
thead th { color: #555; font-weight: 600; border-bottom: 1px solid #16191d; vertical-align: bottom;
  overflow-wrap: normal; }
tr.running th { border-bottom: 0; }
td.figure { white-space: nowrap; }
.figure { text-align: right; font-variant-numeric: tabular-nums; }
tr.section th { padding-top: 1rem; font-weight: 700; font-size: 1.05em; border-bottom: 1px solid #c9ced6; }
tr.line th { padding-top: 0.5rem; font-weight: 600; }
tr.part th { padding-left: 1.2rem; }
tr.tenant th { padding-top: 1.6rem; font-weight: 700; font-size: 1.3em; border-bottom: 2px solid #16191d; }
tr.invoice th { padding-top: 1.1rem; font-weight: 700; font-size: 1.15em; }
tr.tenant, tr.invoice, tr.section, tr.line, tr.part { break-after: avoid; }
tr.row td:first-child { padding-left: 1.2rem; min-width: 28mm; }
tr.row.of-part td:first-child { padding-left: 2.2rem; }
tr.sum th, tr.sum td { border-top: 1px solid #c9ced6; font-weight: 600; }
tr.total th, tr.total td { border-top: 2px solid #16191d; font-weight: 700; font-size: 1.1em; }
tbody.totals { break-inside: avoid; }
tbody.totals tr:first-child > * { padding-top: 1.2rem; }
.quiet { color: #555; font-weight: 400; }
.notes { margin-top: 1.6rem; font-size: 0.85em; color: #555; break-inside: avoid; }
.staff { margin-top: 1.6rem; padding: 0.5rem 0.9rem; border: 1px dashed #a4161a; font-size: 0.9em; }
@media screen { tr.running { display: none; } }
@media print { body { max-width: none; padding: 0; font-size: 8.5pt; } .staff { display: none; } }
`;
