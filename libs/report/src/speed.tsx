import type { JSX } from 'preact';
import type { PaidFacts, RunFacts, SettingFacts, SpeedUpFacts, SpreadFacts, TimedFacts, WorkFacts } from './facts.js';
import { bytesFigure, countFigure, isMeasured, MISSING, secondsFigure, valueFigure } from './figures.js';
import { type Cell, type Column, DataTable, figureCell } from './table.js';

/** What of the runs was timed. */
export interface Speed {
  readonly timed: readonly TimedFacts[];
  readonly paid: readonly PaidFacts[];
}

/** What there is to tell of speed; undefined where nothing was timed. */
export function speedOf(runs: readonly Pick<RunFacts, 'timed' | 'paid'>[]): Speed | undefined {
  const timed = runs.flatMap((run) => run.timed ?? []);
  return timed.length > 0 ? { timed, paid: runs.flatMap(({ paid }) => paid ?? []) } : undefined;
}

/** Rows up to which the tables of reading and writing are shown without being asked for. */
const OPEN_ROWS = 8;
const WHERE: readonly Column[] = [{ title: 'Model', words: true }, { title: 'Batch' }, { title: 'Context', unit: 'tokens' }];

/** How fast each model reads and writes with each batch and context, what it holds meanwhile, and when its cost has been earned back. */
export function SpeedTables({ speed: { timed, paid } }: { readonly speed: Speed }): JSX.Element {
  const isPaired = timed.some(({ settings }) => settings.some(({ speedUps }) => speedUps));
  const rows = timed.flatMap(({ name, ...model }) => model.settings.map((setting) => ({ name, model, setting })));
  const where = (name: string, { batch, context }: Pick<SettingFacts, 'batch' | 'context'>): Cell[] => [
    { text: name },
    figureCell(batch, countFigure),
    figureCell(context, countFigure),
  ];
  const work = (kind: 'prefill' | 'decode'): Cell[][] =>
    rows.map(({ name, setting }) => [...where(name, setting), ...workCells(setting[kind]), ...(isPaired ? [speedUpCell(setting.speedUps?.[kind])] : [])]);
  const faster = isPaired ? [{ title: 'As fast', unit: 'in turns' }] : [];
  const timing = [{ title: 'Tokens/s' }, { title: 'Median', unit: 'ms' }, { title: '10th to 90th', unit: 'ms' }, { title: '99th', unit: 'ms' }];
  return (
    <>
      {paid.length > 0 && <BreakEven paid={paid} />}
      <DataTable
        caption="A query as users feel it (reading and writing), and memory"
        label="Speed of queries, and memory"
        look="speed"
        columns={[
          ...WHERE,
          { title: 'Median', unit: 'ms' },
          { title: '10th to 90th', unit: 'ms' },
          ...faster,
          { title: 'Weights', unit: 'in memory' },
          { title: 'Texts', unit: 'beside them' },
          { title: 'Peak', unit: 'of the process' },
        ]}
        rows={rows.map(({ name, model, setting }) => [
          ...where(name, setting),
          figureCell(setting.query.median, valueFigure),
          rangeCell(setting.query),
          ...(isPaired ? [speedUpCell(setting.speedUps?.query)] : []),
          figureCell(model.weightBytes, bytesFigure),
          figureCell(setting.textBytes, bytesFigure),
          figureCell(model.peakBytes, bytesFigure),
        ])}
      />
      <details class="halves" open={rows.length <= OPEN_ROWS}>
        <summary>Reading and writing apart</summary>
        <DataTable
          caption="Reading the prompts (prefill)"
          label="Speed of prefill"
          look="speed"
          columns={[...WHERE, ...timing, { title: 'Operations', unit: 'FLOP' }, ...faster]}
          rows={work('prefill')}
        />
        <DataTable
          caption="Writing one token of each text (decode)"
          label="Speed of decoding"
          look="speed"
          columns={[...WHERE, ...timing, { title: 'Operations', unit: 'FLOP' }, ...faster]}
          rows={work('decode')}
        />
      </details>
      <p class="note">
        Operations are counted from the shapes: zeros that a mask left count.{' '}
        {isPaired
          ? 'A speed-up is the median over pairs of runs that followed each other, beside its 10th and 90th percentile; where these lie on both sides of 1, the runs do not tell the two models apart.'
          : 'The models were timed one after the other, not in turns: no speed-up is told.'}
      </p>
    </>
  );
}

/** The paper's Table 3, of measured seconds. */
function BreakEven({ paid }: { readonly paid: readonly PaidFacts[] }): JSX.Element {
  return (
    <DataTable
      caption={`Queries (batch ${paid[0]!.batch}, context ${paid[0]!.context}) after which the time that a query saves, by how much as fast it is, has paid for pruning and recovery`}
      label="Break-even"
      look="paid"
      columns={[
        { title: 'Method', words: true },
        { title: 'Pruning' },
        { title: 'Recovery' },
        { title: 'Query', unit: 'of the base, ms' },
        { title: 'Query', unit: 'now, ms' },
        { title: 'As fast', unit: 'in turns' },
        { title: 'Earned back', unit: 'after queries' },
      ]}
      rows={paid.map(({ name, pruneSeconds, recoverySeconds, baseMilliseconds, milliseconds, speedUp, queries }) => [
        { text: name },
        figureCell(pruneSeconds, secondsFigure),
        figureCell(recoverySeconds, secondsFigure),
        figureCell(baseMilliseconds, valueFigure),
        figureCell(milliseconds, valueFigure),
        speedUpCell(speedUp),
        isMeasured(queries)
          ? { text: queries.toLocaleString('en-US'), value: queries }
          : { text: speedUp.p10 < 1 && speedUp.p90 > 1 ? 'not told apart' : 'never' },
      ])}
    />
  );
}

function workCells({ tokensPerSecond, milliseconds, flops }: WorkFacts): Cell[] {
  return [
    figureCell(tokensPerSecond, valueFigure),
    figureCell(milliseconds.median, valueFigure),
    rangeCell(milliseconds),
    figureCell(milliseconds.p99, valueFigure),
    figureCell(flops, (value) => countFigure(value).replace(/ B$/, ' G')),
  ];
}

function rangeCell({ p10, p90 }: SpreadFacts): Cell {
  return isMeasured(p10) && isMeasured(p90) ? { text: `${valueFigure(p10)} to ${valueFigure(p90)}`, value: p10 } : { text: MISSING };
}

function speedUpCell(speedUp: SpeedUpFacts | undefined): Cell {
  if (!speedUp || !isMeasured(speedUp.median)) return { text: MISSING };
  const { p10, median, p90 } = speedUp;
  return { text: `${valueFigure(median)}×`, value: median, small: `${valueFigure(p10)} to ${valueFigure(p90)}` };
}
