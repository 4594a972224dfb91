/** The style of the docs. */
export const DOCS_STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d8dce2, #3a3f47); --soft: light-dark(#f4f6f8, #1d2126);
  --quiet: light-dark(#5b6470, #9aa3ae); --field: light-dark(#fff, #22272d);
  --accent: light-dark(#0b5cad, #7ab8ff); --bad: light-dark(#a4161a, #ff8f8f); }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; background: light-dark(#fff, #14171a);
  color: light-dark(#16191d, #e6e9ed); }
header { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1.5rem; padding: 0.6rem 1.5rem; }
header { border-bottom: 1px solid var(--line); background: var(--soft); }
header h1 { margin: 0; font-size: 1.15rem; }
header nav { display: flex; flex-wrap: wrap; gap: 0 1.1rem; flex: 1; }
a { color: var(--accent); }
nav a { text-decoration: none; padding: 0.2rem 0; border-bottom: 2px solid transparent; }
main { max-width: 82rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; }
main h2 { margin: 1.4rem 0 0.5rem; font-size: 1.15rem; }
main h3 { margin: 1.2rem 0 0.3rem; font-size: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 0.4rem 0 1rem; }
th, td { padding: 0.3rem 0.7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
.problem { border-left: 4px solid var(--bad); padding: 0.5rem 1rem; background: var(--soft); }
.problem strong { color: var(--bad); }
pre { overflow: auto; max-height: 30rem; padding: 0.7rem; background: var(--soft); font-size: 0.85em; }
code { overflow-wrap: anywhere; }
summary { cursor: pointer; }
:target { outline: 2px solid var(--accent); outline-offset: 2px; }
`;
