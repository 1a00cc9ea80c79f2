import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { PairedFacts, ReportFacts, RunFacts, VariantFacts } from './facts.js';
import { renderReport } from './page.js';
import { TABLE_SCRIPT } from './table-script.js';

/** What a page must stay under, whatever the run. */
const MOST_BYTES = 500_000;

const before: VariantFacts = {
  name: 'before',
  parameters: 4_000_000,
  bytes: 8_000_000,
  layers: 8,
  perplexity: 20,
  bitsPerByte: 1.25,
  prefillTokensPerSecond: 8000,
  decodeTokensPerSecond: 160,
};
const cut: VariantFacts = {
  name: 'cut',
  parameters: 2_400_000,
  bytes: 4_800_000,
  layers: 4,
  perplexity: 500,
  bitsPerByte: 2.5,
  prefillTokensPerSecond: 16_000,
  decodeTokensPerSecond: 320,
};
const recovered: VariantFacts = { ...cut, name: 'recovered', perplexity: 30, bitsPerByte: 1.5 };

const pair: PairedFacts = {
  first: 'before',
  second: 'cut',
  task: 'sciq',
  metric: 'acc',
  n: 100,
  difference: -0.2,
  interval: [-0.29, -0.11],
  confidence: 0.95,
  p: 0.00004,
  onlyFirst: 24,
  onlySecond: 4,
  examplesNeeded: 51,
  flips: [],
};

const run: RunFacts = {
  name: 'quick-start',
  model: 'embedded',
  seconds: 161,
  variants: [before, cut, recovered],
  curves: [{ name: 'training loss', points: [4, 3.5, 3.25].map((loss, index) => ({ step: index + 1, tokens: 4096 * (index + 1), seconds: index, loss })) }],
  evaluations: [{ name: 'perplexity', tokens: 12_288, value: 31 }],
  cuts: [{ name: 'layer-chop', plan: 'layer 8 → 4 · 4.0 M → 2.4 M parameters', layers: { total: 8, kept: [0, 2, 5, 7] } }],
  recipe: 'name: quick-start\nsteps:\n  - report\n',
  machine: { cpu: 'A processor', cores: 2, threads: 2, memoryBytes: 8e9, engine: 'tensorflow (2.18.0)', node: 'v20.20.2', platform: 'linux x64' },
  seeds: { run: 17 },
  versions: { '@chop/layer-chop': '0.1.0' },
  outputs: [{ label: 'export', path: 'models/6-export' }],
};

function factsWith(changes: Partial<RunFacts> = {}, page: Partial<ReportFacts> = {}): ReportFacts {
  return {
    title: 'quick-start',
    created: '2026-11-24T10:25:31.000Z',
    nextCommand: 'npx chop eval models/6-export --perplexity DATA',
    runs: [{ ...run, ...changes }],
    ...page,
  };
}

/** The text of a column of a table, its head first; nothing where there is none of that name. */
function columnOf(html: string, title: string, look = 'summary'): string[] {
  const table = new RegExp(`<table class="data ${look}(?: crowded)?">[\\s\\S]*?</table>`).exec(html)?.[0] ?? '';
  const rows = table
    .split('<tr>')
    .slice(1)
    .map((row) => [...row.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell = '']) => textOf(cell).replace(/\s+/g, ' ').trim()));
  const column = rows[0]?.findIndex((head) => head.startsWith(title)) ?? -1;
  return column === -1 ? [] : rows.map((row) => row[column]!);
}

function textOf(html: string): string {
  return html
    .replace(/<[^>]+>/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&');
}

function h1Of(html: string): string {
  return textOf(/<h1>([\s\S]*?)<\/h1>/.exec(html)?.[1] ?? '').replaceAll('\u00a0', ' ');
}

/** Every tag closes the one that was opened last. */
function unbalanced(html: string): string | undefined {
  const open: string[] = [];
  for (const [tag, slash, name = '', own] of html.replace(/<(style|script)>[\s\S]*?<\/\1>/g, '').matchAll(/<(\/?)([a-z][\w-]*)(?:"[^"]*"|[^">])*?(\/?)>/gi)) {
    if (slash === '/') {
      if (open.pop() !== name) return tag;
    } else if (own !== '/' && !['meta', 'br'].includes(name)) open.push(name);
  }
  return open.at(-1);
}

describe('the sentence at the top', () => {
  test('says what was cut, what it cost and what training won back', () => {
    expect(h1Of(renderReport(factsWith()))).toBe(
      'embedded went from 8 to 4 layers; its perplexity rose from 20.0 to 500, and training on 12.3 k tokens brought it down to 30.0.',
    );
  });

  test.each<[string, Partial<RunFacts>, string]>([
    ['a cut without training', { variants: [before, cut], curves: [] }, 'embedded went from 8 to 4 layers; its perplexity rose from 20.0 to 500.'],
    [
      'training that did not help',
      { variants: [before, cut, { ...cut, perplexity: 600 }] },
      'embedded went from 8 to 4 layers; its perplexity rose from 20.0 to 500, and training on 12.3 k tokens left it at 600.',
    ],
    ['narrower layers', { variants: [before, { ...cut, layers: 8, perplexity: NaN }] }, 'embedded went from 4 M to 2.4 M parameters.'],
    ['masks', { variants: [before, { ...before, perplexity: 25 }] }, 'embedded kept its 4 M parameters; its perplexity rose from 20.0 to 25.0.'],
    ['one model', { variants: [before] }, 'embedded has 4 M parameters and has a perplexity of 20.0.'],
    ['no measurement', { variants: [] }, 'embedded went through quick-start in 2 min 41 s.'],
  ])('says it of %s', (_, changes, sentence) => expect(h1Of(renderReport(factsWith(changes)))).toBe(sentence));
});

describe('the summary', () => {
  test('has each measure of each model, and its ratio to the first, as worked out by hand', () => {
    const html = renderReport(factsWith());
    expect(columnOf(html, 'Model')).toEqual(['Model', 'before', 'cut', 'recovered']);
    expect(columnOf(html, 'Parameters')).toEqual(['Parameters', '4 M', '2.4 M 0.60×', '2.4 M 0.60×']);
    expect(columnOf(html, 'Size')).toEqual(['Size weights on disk', '8 MB', '4.8 MB 0.60×', '4.8 MB 0.60×']);
    expect(columnOf(html, 'Perplexity')).toEqual(['Perplexity per token', '20.0', '500 25.0×', '30.0 1.50×']);
    expect(columnOf(html, 'Bits per byte')).toEqual(['Bits per byte', '1.25', '2.50 2.00×', '1.50 1.20×']);
    expect(columnOf(html, 'Decode')).toEqual(['Decode tokens/s', '160', '320 2.00×', '320 2.00×']);
  });

  test('counts what was won back in bits per byte: (2.5 − 1.5) / (2.5 − 1.25) = 80 %', () => {
    expect(textOf(renderReport(factsWith()))).toMatch(/won back\s+80 %/);
  });

  test('counts it in the logarithm of perplexity where there are no bits per byte: ln(500/30) / ln(500/20) = 87 %', () => {
    const variants = [before, cut, recovered].map(({ bitsPerByte: _, ...variant }) => variant);
    expect(textOf(renderReport(factsWith({ variants })))).toMatch(/won back\s+87 %/);
  });

  test('shows an en dash for what was not measured, leaves out rows that nobody has, and never says NaN', () => {
    const { prefillTokensPerSecond: _a, ...bare } = before;
    const { prefillTokensPerSecond: _b, ...unfast } = cut;
    const html = renderReport(
      factsWith({
        variants: [
          { ...bare, perplexity: NaN },
          { ...unfast, decodeTokensPerSecond: Infinity },
        ],
      }),
    );
    expect(columnOf(html, 'Perplexity')).toEqual(['Perplexity per token', '–', '500']);
    expect(columnOf(html, 'Decode')).toEqual(['Decode tokens/s', '160', '–']);
    expect(columnOf(html, 'Prefill')).toEqual([]);
    expect(html.replace(TABLE_SCRIPT, '')).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('the page', () => {
  test('is one balanced document with a heading per section and nothing fetched', () => {
    const html = renderReport(factsWith());
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(unbalanced(html)).toBeUndefined();
    expect([...html.matchAll(/<h2[^>]*>([^<]*)/g)].map(([, title]) => title)).toEqual([
      'Summary',
      'What quality costs',
      'What was cut',
      'Training',
      'Files and next step',
      'Recipe',
      'Machine, seeds, versions',
    ]);
    expect(html).not.toMatch(/<(link|img|iframe|object|a)\b|url\((?!#)|@import|(src|href)=/);
    expect(html.match(/<caption>/g)).toHaveLength(html.match(/<table/g)!.length);
    expect(html.match(/<th\b/g)).toHaveLength(html.match(/<th scope="(col|row)"/g)!.length);
  });

  test('runs one script, the one whose hash its policy names', () => {
    const html = renderReport(factsWith());
    const scripts = [...html.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(([, script]) => script!);
    expect(scripts).toEqual([TABLE_SCRIPT]);
    const hash = createHash('sha256').update(scripts[0]!).digest('base64');
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'"`);
    expect(TABLE_SCRIPT).not.toMatch(/<\/script|<!--/);
  });

  test('gives every picture a name that holds its numbers', () => {
    const html = renderReport(factsWith());
    const labels = [...html.matchAll(/<svg[^>]*role="img" aria-label="([^"]*)"/g)].map(([, label]) => label);
    expect(labels).toHaveLength(html.match(/<svg/g)!.length);
    expect(labels).toContain('Perplexity: before 20.0, cut 500, recovered 30.0.');
    expect(labels).toContain('Of 8 layers (0 to 7), 4 are kept: 0, 2, 5 and 7. Dropped: 1, 3, 4 and 6.');
    expect(labels).toContain('Training loss: from 4.00 after 4.1 k tokens to 3.25 after 12.3 k. Perplexity: 31.0 after 12.3 k tokens.');
  });

  test('uses no id twice', () => {
    const ids = [...renderReport(factsWith()).matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('colours its drawings by the variables of both themes only', () => {
    const html = renderReport(factsWith());
    const [, declared = ''] = /prefers-color-scheme: dark\)([\s\S]*?\}\s*\})/.exec(html) ?? [];
    const colours = new Set([...html.matchAll(/<(?:path|text|rect|circle)[^>]*?(?:fill|stroke)="([^"]*)"/g)].map(([, colour]) => colour!));
    for (const colour of colours) {
      // A clip path has a fill that nobody sees.
      if (['none', '#000'].includes(colour)) continue;
      expect(colour).toMatch(/^var\(--[\w-]+\)$/);
      expect(declared).toContain(`${colour.slice(4, -1)}:`);
    }
    expect(colours.size).toBeGreaterThan(4);
  });

  test('is the same bytes for the same facts', () => {
    expect(renderReport(factsWith())).toBe(renderReport(factsWith()));
  });

  test('shows whatever text there is, and reads none of it as HTML', () => {
    const evil = '<script>alert("1")</script>&amp;</pre></style>';
    const sample = { prompt: evil, text: evil };
    const html = renderReport(
      factsWith(
        {
          name: evil,
          model: evil,
          cuts: [{ name: evil, plan: evil, axes: [{ axis: evil, total: 2, kept: [1] }], masks: [{ weight: evil, kept: 1, total: 2 }] }],
          recipe: evil,
          variants: [before, cut].map((variant) => ({ ...variant, name: evil, note: evil, sample, tasks: [{ name: evil, metric: evil, value: 0.5, n: 2 }] })),
          curves: [{ name: evil, points: [{ step: 1, tokens: 1, seconds: 1, loss: 1 }] }],
          evaluations: [{ name: evil, tokens: 1, value: 1 }],
          machine: { cpu: evil, cores: 1, threads: 1, memoryBytes: 1, engine: evil, node: evil, platform: evil },
          seeds: { [evil]: 1 },
          versions: { [evil]: evil },
          outputs: [{ label: evil, path: evil }],
        },
        {
          title: evil,
          created: evil,
          nextCommand: evil,
          comparisons: [
            {
              ...pair,
              first: evil,
              second: evil,
              task: evil,
              metric: evil,
              flips: [{ id: evil, question: evil, gold: evil, first: evil, second: evil, right: 'first' }],
            },
          ],
        },
      ),
    );
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html.match(/<\/style>/g)).toHaveLength(1);
    expect(unbalanced(html)).toBeUndefined();
    const quote = /<blockquote>([\s\S]*?)<\/blockquote>/.exec(html)?.[1] ?? '';
    expect(textOf(quote).replace(/ /g, '')).toBe((evil + evil).replace(/ /g, ''));
  });

  test('stays small when the run was long, and keeps the spike that a mean would hide', () => {
    const points = Array.from({ length: 50_000 }, (_, index) => ({
      step: index + 1,
      tokens: 2048 * (index + 1),
      seconds: index,
      loss: index === 31_234 ? 1000 : 3 + Math.sin(index),
    }));
    const html = renderReport(factsWith({ curves: [{ name: 'training loss', points }] }));
    expect(Buffer.byteLength(html)).toBeLessThan(MOST_BYTES);
    expect(html).toContain('>1,000<');
    expect(html).toContain('tokens, logarithmic');
  });

  test('leaves out the sections that a run has nothing for', () => {
    const html = renderReport(
      factsWith({ variants: [], curves: [], evaluations: [], outputs: [], cuts: [{ name: 'cut', layers: { total: 2, kept: [0, 1] } }] }),
    );
    expect(html).not.toMatch(/id="(summary|tradeoffs|tasks|paired|training|samples)"/);
    expect(html).toContain('None is dropped.');
  });
});

describe('a page on several runs', () => {
  const tested = (variant: VariantFacts, value: number): VariantFacts => ({
    ...variant,
    tasks: ['piqa', 'sciq'].map((name) => ({ name, metric: 'acc', value, stderr: 0.04, n: 100 })),
  });
  const narrow: RunFacts = { ...run, name: 'narrow', variants: [tested({ ...recovered, name: 'narrow' }, 0.7)], cuts: [], seeds: { run: 18 } };
  const facts = factsWith({ variants: [tested(before, 0.8), tested(cut, 0.3)] }, { comparisons: [pair] });
  const html = renderReport({ ...facts, runs: [...facts.runs, narrow] });

  test('says who is best of those that were made', () => {
    expect(h1Of(html)).toBe('2 models made from embedded in 2 runs: narrow has the highest mean accuracy, 70.0 %; before has 80.0 %.');
  });

  test('has every model of every run in one summary, and scores with their errors: of a mean of two, √(0.04² + 0.04²) / 2 = 0.028', () => {
    expect(columnOf(html, 'Model')).toEqual(['Model', 'before', 'cut', 'narrow']);
    expect(columnOf(html, 'Mean accuracy')).toEqual(['Mean accuracy %, 2 tasks', '80.0 ± 2.8', '30.0 ± 2.8', '70.0 ± 2.8']);
    expect(columnOf(html, 'piqa', 'scores')).toEqual(['piqa acc, %', '80.0 ± 4.0', '30.0 ± 4.0', '70.0 ± 4.0']);
  });

  test('draws intervals of 1.96 standard errors, and tells them to who does not see', () => {
    expect(html).toContain('aria-label="piqa, acc: before 80.0 (72.2 to 87.8), cut 30.0 (22.2 to 37.8), narrow 70.0 (62.2 to 77.8)."');
  });

  test('tells which models no other beats', () => {
    expect(html).toContain('Not beaten by any other: narrow, before.');
  });

  test('draws the curves of all runs in one chart, each under its run', () => {
    expect(html).toContain('Quick-start: from 4.00 after 4.1 k tokens to 3.25 after 12.3 k. Narrow: from 4.00');
  });

  test('tells what two runs share once, and the rest by run', () => {
    expect(html.match(/>A processor</g)).toHaveLength(1);
    expect(textOf(html)).toMatch(/quick-start, run\s+17\s+narrow, run\s+18/);
    expect(html.match(/aria-label="Recipe of /g)).toHaveLength(2);
  });

  test('says of two models on the same examples what the interval says', () => {
    expect(columnOf(html, 'Difference', 'paired')).toEqual(['Difference', '−20.0']);
    expect(columnOf(html, 'Interval', 'paired')).toEqual(['Interval 95 %', '−29.0 to −11.0']);
    expect(columnOf(html, 'p', 'paired')).toEqual(['p McNemar', '< 0.001']);
    expect(columnOf(html, 'Verdict', 'paired')).toEqual(['Verdict', 'second scores lower']);
  });
});
