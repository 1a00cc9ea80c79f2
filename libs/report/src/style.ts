/** The page's style sheet: the colours of both themes are variables, which the drawings use too. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fdfdfb; --card: #f5f5f1; --ink: #1a1e23; --muted: #59626c; --rule: #dedfd9; --focus: #1c5fc4;
  --series-1: #6a7681; --series-2: #c05a20; --series-3: #1c5fc4; --series-4: #7b4ba8; --series-5: #14786a; --series-6: #a6791a; --series-7: #b23a6f; --series-8: #4d7d1f;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1c2025; --ink: #e6e8eb; --muted: #9ba5b0; --rule: #31373e; --focus: #78b0ff;
    --series-1: #8f9ba7; --series-2: #e58a52; --series-3: #6ea8ff; --series-4: #bd93e6; --series-5: #4fbfa9; --series-6: #d9b04f; --series-7: #ec7fae; --series-8: #9ccb63;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 3rem 1.25rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 var(--sans); -webkit-text-size-adjust: 100%; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
small { color: var(--muted); font-size: .8125rem; font-weight: 400; }
.eyebrow { margin: 0 0 .75rem; color: var(--muted); font: 500 .8125rem/1.4 var(--mono); overflow-wrap: anywhere; }
h1 { margin: 0; font-size: clamp(1.3rem, 1rem + 1.5vw, 1.75rem); font-weight: 600; line-height: 1.28; letter-spacing: -.018em; text-wrap: pretty; overflow-wrap: anywhere; }
.byline { margin: .9rem 0 0; color: var(--muted); font-size: .875rem; }
h2 { margin: 0 0 1.1rem; font-size: 1.125rem; font-weight: 600; letter-spacing: -.01em; }
h3 { margin: 0 0 .5rem; font-size: .875rem; font-weight: 600; }
p { max-width: 44rem; }
section { margin-top: 3rem; padding-top: 1.5rem; border-top: 1px solid var(--rule); }
section > p { margin: -.4rem 0 1.1rem; color: var(--muted); font-size: .9375rem; overflow-wrap: anywhere; }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1.25rem 2rem; margin: 2.25rem 0 0; }
.headline div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.headline dt { color: var(--muted); font-size: .8125rem; line-height: 1.35; }
.headline dd small { letter-spacing: 0; }
.headline dd { margin: 0; font-size: 2rem; font-weight: 600; line-height: 1.2; letter-spacing: -.03em; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { padding-bottom: .5rem; color: var(--muted); font-size: .8125rem; text-align: left; }
th, td { padding: .5rem 0 .5rem 1.25rem; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: baseline; font-weight: 400; }
th:first-child { padding-left: 0; text-align: left; }
thead th { font-size: .875rem; font-weight: 600; }
.data { font-size: .875rem; }
.data th, .data td { padding-left: 1rem; }
.data th:first-child { padding-left: 0; }
.data tbody th, .data td { white-space: nowrap; }
.data td small { display: block; line-height: 1.3; }
.data thead th { vertical-align: bottom; line-height: 1.3; }
.data thead small { display: block; }
.data .words { text-align: left; }
.data tbody th { position: sticky; left: 0; background: var(--paper); }
.data tbody tr:hover > * { background: var(--card); }
.data tr:last-child > *, .pairs tr:last-child > * { border-bottom: 0; }
.crowded { font-size: .8125rem; }
.crowded th, .crowded td { padding-left: .75rem; }
.data caption span { position: sticky; left: 0; display: inline-block; max-width: calc(100vw - 2.5rem); }
.answers tbody th, .answers td { white-space: normal; overflow-wrap: break-word; }
.answers, .paired { font-size: .8125rem; }
.data thead button { all: unset; display: inline-block; position: relative; cursor: pointer; border-radius: 3px; text-align: inherit; }
.data thead button::after { content: "↕"; position: absolute; left: 100%; bottom: 0; padding-left: .12rem; color: var(--muted); font-weight: 400; font-size: .75rem; line-height: 1.5; opacity: 0; }
.data thead button:hover::after, .data thead button:focus-visible::after { opacity: .9; }
.data [aria-sort] button::after { opacity: 1; color: var(--ink); }
.data [aria-sort=ascending] button::after { content: "↑"; } .data [aria-sort=descending] button::after { content: "↓"; }
.data thead button:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.sheet + .sheet { margin-top: 2.25rem; }
.tools { display: flex; flex-wrap: wrap; align-items: baseline; gap: .35rem .5rem; margin-top: .75rem; color: var(--muted); font-size: .8125rem; }
.tools button { padding: .2rem .6rem; border: 1px solid var(--rule); border-radius: 6px; background: transparent; color: var(--ink); font: inherit; cursor: pointer; }
.tools button:hover { background: var(--card); border-color: var(--muted); }
.tools textarea { position: absolute; opacity: 0; }
.swatch { display: inline-block; width: .625rem; height: .625rem; margin-right: .45em; border-radius: 2px; background: currentColor; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.series-1 { color: var(--series-1); } .series-2 { color: var(--series-2); } .series-3 { color: var(--series-3); }
.series-4 { color: var(--series-4); } .series-5 { color: var(--series-5); } .series-6 { color: var(--series-6); } .series-7 { color: var(--series-7); } .series-8 { color: var(--series-8); }
.note { margin: .5rem 0 0; color: var(--muted); font-size: .875rem; }
figure { margin: 0; }
figcaption { color: var(--muted); font-size: .8125rem; }
svg { display: block; width: 100%; height: auto; font-family: var(--sans); overflow: visible; }
.bars { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: 1.75rem 3rem; margin-top: 2.25rem; }
.bars figcaption { margin-bottom: .35rem; color: var(--ink); font-size: .875rem; font-weight: 600; }
.bars + .note { margin-top: 1.25rem; }
.bars svg { max-width: 24rem; }
.tradeoffs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 2rem 3rem; }
.tradeoffs svg { max-width: 30rem; }
.tradeoffs figcaption { padding-left: 3.1rem; }
.tradeoffs + .note { margin-top: 1.5rem; font-size: .8125rem; }
.layers { padding: 1.25rem 0 0; }
.layers figcaption { margin-top: .9rem; }
.layer rect { stroke-width: 1.25; }
.layer text { font-size: 12px; font-variant-numeric: tabular-nums; }
.kept rect { fill: var(--series-3); stroke: var(--series-3); } .kept text { fill: var(--paper); font-weight: 600; }
.dropped rect { fill: none; stroke: var(--muted); stroke-dasharray: 3 3; } .dropped text { fill: var(--muted); }
.thread { fill: none; stroke: var(--series-3); stroke-width: 1.25; opacity: .55; }
.cut + .cut { margin-top: 2.5rem; }
.cut > p { margin: 0 0 1rem; color: var(--muted); font-size: .9375rem; }
.axes { margin-top: 1.75rem; }
.axes figcaption { margin-bottom: .6rem; }
.axes figcaption b { margin-right: .35em; color: var(--ink); font-size: .875rem; }
.axis text, .axis-name { fill: var(--muted); font-size: 11.5px; font-variant-numeric: tabular-nums; }
.axis .on { fill: var(--ink); font-size: 11px; }
.axis .left { fill: var(--series-3); } .axis .gone { fill: none; stroke: var(--muted); stroke-width: .8; stroke-dasharray: 2 2; }
.axis .whole { fill: var(--series-3); opacity: .12; } .axis .frame { fill: none; stroke: var(--rule); }
.axis .density { fill: var(--series-3); stroke: var(--rule); stroke-width: .75; }
details { margin-top: 1.25rem; }
summary { width: fit-content; cursor: pointer; font-size: .9375rem; font-weight: 500; }
details[open] > summary { margin-bottom: .85rem; }
article + article { margin-top: 1.5rem; }
.samples article + article { margin-top: 0; }
.narrow { display: none; }
.key { margin-right: 1rem; color: var(--ink); white-space: nowrap; }
.samples { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); gap: 1rem; }
.samples article { padding: 1rem 1.1rem; border-radius: 8px; background: var(--card); }
blockquote { margin: 0; font-size: .9375rem; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; }
blockquote b { font-weight: 400; color: var(--muted); }
pre { margin: 0; padding: 1rem 1.1rem; border-radius: 8px; background: var(--card); font: .8125rem/1.55 var(--mono); tab-size: 2; }
code { font-family: var(--mono); }
.pairs + pre { margin-top: 1.25rem; }
.columns { columns: 2 20rem; column-gap: 3rem; }
.columns .pairs { margin-bottom: 1.75rem; break-inside: avoid; }
.pairs { font-size: .875rem; }
.pairs th, .pairs td { text-align: left; padding-block: .32rem; }
.pairs tbody th { width: 9.5rem; color: var(--muted); }
.pairs td { text-align: left; overflow-wrap: anywhere; }
.pairs caption { color: var(--ink); font-weight: 600; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media screen and (max-width: 40rem) {
  body { padding: 1.75rem 1rem 3rem; }
  section { margin-top: 2.25rem; }
  .wide { display: none; }
  .narrow { display: block; }
  .headline { grid-template-columns: 1fr 1fr; gap: 1.1rem; }
  .headline dd { font-size: 1.6rem; }
  th, td { padding-left: .75rem; }
  .answers tbody th { position: static; }
  .data caption span { max-width: calc(100vw - 2rem); }
}
@page { margin: 16mm; }
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --card: #f6f6f3; --ink: #000; --muted: #4b535b; --rule: #ccc; --focus: #1c5fc4;
    --series-1: #6a7681; --series-2: #c05a20; --series-3: #1c5fc4; --series-4: #7b4ba8; --series-5: #14786a; --series-6: #a6791a; --series-7: #b23a6f; --series-8: #4d7d1f;
  }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  section { margin-top: 1.75rem; }
  h2 { break-after: avoid; }
  figure, article, tr, .headline { break-inside: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .tools, .data thead button::after { display: none; }
  .scroll { overflow: visible; }
  .data { font-size: 8.5pt; }
  .data th, .data td { padding-left: .7rem; }
  .data th:first-child { padding-left: 0; }
  .layer rect, .axis, .samples article, pre { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
