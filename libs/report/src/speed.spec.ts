import { expect, test } from '@jest/globals';
import type { PaidFacts, RunFacts, SettingFacts, TimedFacts } from './facts.js';
import { renderReport } from './page.js';

const spread = (median: number) => ({ p10: median - 1, median, p90: median + 1, p99: median + 2 });
const work = (tokensPerSecond: number, median: number, flops: number) => ({ tokensPerSecond, milliseconds: spread(median), flops });
const ratio = (median: number) => ({ p10: median - 0.25, median, p90: median + 0.25 });

const slow: SettingFacts = {
  ...{ batch: 1, context: 64, textBytes: 2e6, query: spread(400) },
  ...{ prefill: work(1280, 50, 17.2e9), decode: work(100, 10, 2.7e8) },
};
const fast: SettingFacts = {
  ...{ batch: 1, context: 64, textBytes: 1e6, query: spread(200) },
  ...{ prefill: work(2560, 25, 8.6e9), decode: work(200, 5, 1.3e8) },
  speedUps: { prefill: ratio(2.5), decode: ratio(1.75), query: ratio(2) },
};
const timed: readonly TimedFacts[] = [
  { name: 'base beside half', settings: [slow], weightBytes: 5e8, peakBytes: 9e8 },
  { name: 'half', settings: [fast], weightBytes: 3e8, peakBytes: 9e8 },
];
const paid: PaidFacts = {
  ...{ name: 'half', pruneSeconds: 20, recoverySeconds: 180, batch: 1, context: 64, baseMilliseconds: 400, milliseconds: 200, speedUp: ratio(2) },
  queries: 1000,
};

function pageOf(changes: Partial<RunFacts>): string {
  const run = {
    name: 'half',
    model: 'embedded',
    seconds: 1,
    variants: [],
    curves: [],
    evaluations: [],
    cuts: [],
    recipe: '',
    seeds: {},
    versions: {},
    outputs: [],
  };
  return renderReport({ title: 'speed', created: '2026-11-28T10:00:00Z', runs: [{ ...run, ...changes }] });
}

/** The rows of the table with that name, cell by cell. */
function rowsOf(html: string, label: string): string[][] {
  const [, table = ''] = new RegExp(`aria-label="${label}"[^>]*><table[^>]*>([\\s\\S]*?)</table>`).exec(html) ?? [];
  return table
    .split('<tr>')
    .slice(1)
    .map((row) =>
      [...row.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell = '']) =>
        cell
          .replace(/<[^>]+>/g, ' ')
          .replace(/\s+/g, ' ')
          .trim(),
      ),
    );
}

test('every batch and context of every model has its times, its spread and its operations', () => {
  const html = pageOf({ timed, paid });
  expect(rowsOf(html, 'Speed of prefill')).toEqual([
    ['Model', 'Batch', 'Context tokens', 'Tokens/s', 'Median ms', '10th to 90th ms', '99th ms', 'Operations FLOP', 'As fast in turns'],
    ['base beside half', '1', '64', '1,280', '50.0', '49.0 to 51.0', '52.0', '17.2 G', '–'],
    ['half', '1', '64', '2,560', '25.0', '24.0 to 26.0', '27.0', '8.6 G', '2.50× 2.25 to 2.75'],
  ]);
  expect(rowsOf(html, 'Speed of queries, and memory')[2]).toEqual(['half', '1', '64', '200', '199 to 201', '2.00× 1.75 to 2.25', '300 MB', '1 MB', '900 MB']);
});

test('a method has paid after its seconds over those that a query saves: 200 s / 0.2 s', () => {
  expect(rowsOf(pageOf({ timed, paid }), 'Break-even')[1]).toEqual(['half', '20 s', '3 min 0 s', '400', '200', '2.00× 1.75 to 2.25', '1,000']);
  const { queries: _, ...never } = paid;
  expect(rowsOf(pageOf({ timed, paid: never }), 'Break-even')[1]!.at(-1)).toBe('never');
});

test('no speed-up is told of models that took no turns, and nothing of models that were not timed', () => {
  const alone = timed.map((model) => ({ ...model, settings: [slow] }));
  const html = pageOf({ timed: alone });
  expect(rowsOf(html, 'Speed of decoding')[0]).not.toContain('As fast in turns');
  expect(html).toContain('no speed-up is told');
  expect(pageOf({})).not.toContain('id="speed"');
});

test('a note stands under the title, and flips tell no texts that were left away', () => {
  const flip = { id: 7, right: 'first' as const };
  const pair = { first: 'a', second: 'b', task: 'sciq', metric: 'acc', n: 2, difference: -0.5, interval: [-1, 0] as const, confidence: 0.95, flips: [flip] };
  const run = { name: 'r', model: 'm', seconds: 1, variants: [], curves: [], evaluations: [], cuts: [], recipe: '', seeds: {}, versions: {}, outputs: [] };
  const html = renderReport({ title: 't', created: '2026-11-28T10:00:00Z', runs: [run], comparisons: [pair], note: 'Two <cuts>.' });
  expect(html).toContain('<p class="note">Two &lt;cuts>.</p>');
  expect(rowsOf(html, '1 example of sciq that only one of the two has right: a and b')).toEqual([
    ['Example', 'Right'],
    ['7', 'a'],
  ]);
});
