/** A string, so that the build copies no files. The script inserts data as text, never as markup. */
export const CONSOLE_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ledgerline console</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/console/console.css">
<script type="module" src="/console/console.js"></script>
</head>
<body>
<header>
<h1>Ledgerline</h1>
<nav id="views" hidden>
<a href="#projections">Projections</a>
<a href="#tenants">Tenants</a>
<a href="#invoices">Invoices</a>
<a href="#resources">Resources</a>
<a href="#margin">Margin</a>
<a href="#accrual">Accrual</a>
</nav>
<form id="sign-in">
<label>Token <input id="token" type="password" autocomplete="off" spellcheck="false" required></label>
<button>Sign in</button>
</form>
<button id="sign-out" hidden>Sign out</button>
</header>
<p id="stale" class="problem" role="status" hidden></p>
<main id="view" aria-live="polite">
<p>Paste a bearer token to see the ledger. It stays in this tab, and goes only to this API.
<a href="/api/docs">API docs</a></p>
</main>
<noscript><p>The console needs JavaScript. The <a href="/api/docs">API docs</a> do not.</p></noscript>
</body>
</html>
`;
