/** The page's only style sheet. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fdfdfb; --ink: #1c1d20; --muted: #5b6068; --rule: #dcdcd6; --accent: #0b6e63; --mark: #b4490c; --panel: #f4f4ef; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --ink: #e8e8e4; --muted: #a2a7ae; --rule: #353a40; --accent: #56c8b7; --mark: #f0a06a; --panel: #1e2125; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif; }
main { max-width: 880px; margin: 0 auto; padding: 48px 24px 80px; }
header p, .quiet { color: var(--muted); }
h1 { font-size: 2rem; line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 8px; }
h2 { font-size: 1.15rem; margin: 48px 0 12px; letter-spacing: -0.01em; }
.lead { font-size: 1.15rem; margin: 0 0 4px; color: var(--ink); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); padding-bottom: 8px; }
th, td { text-align: right; padding: 8px 0 8px 20px; border-top: 1px solid var(--rule); white-space: nowrap; vertical-align: top; }
thead th { border-top: 0; color: var(--muted); font-weight: 500; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td small { display: block; color: var(--muted); font-size: 0.8rem; }
.layers { display: flex; gap: 4px; flex-wrap: wrap; padding: 0; margin: 0; list-style: none; }
.layers li { flex: 1 0 22px; max-width: 56px; height: 44px; border-radius: 4px; border: 1px solid var(--rule); font-size: 0.75rem; display: grid; place-items: center; color: var(--muted); }
.layers .stays { background: var(--accent); border-color: var(--accent); color: var(--paper); }
.layers .goes { border-style: dashed; text-decoration: line-through; }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: 6px 14px; align-items: center; font-variant-numeric: tabular-nums; }
.bars i { display: block; height: 12px; border-radius: 2px; background: var(--accent); min-width: 2px; }
.samples { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 16px; }
figure { margin: 0; }
.samples figure { background: var(--panel); border-radius: 8px; padding: 14px 16px; }
figcaption { color: var(--muted); font-size: 0.9rem; margin-bottom: 6px; }
blockquote { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
blockquote b { font-weight: 500; color: var(--muted); }
pre { background: var(--panel); border-radius: 8px; padding: 14px 16px; overflow-x: auto; font: 13px/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 0; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: 0.92em ui-monospace, 'SF Mono', Menlo, Consolas, monospace; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media (max-width: 520px) { main { padding: 28px 16px 56px; } h1 { font-size: 1.6rem; } }
@media print { body { background: #fff; color: #000; } main { max-width: none; padding: 0; } h2 { break-after: avoid; } figure, table { break-inside: avoid; } }
`;
