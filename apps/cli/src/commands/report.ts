import type { Command } from 'commander';
import type { Action } from '../call.js';
import { examples } from '../examples.js';
import { given } from '../given.js';

interface ReportFlags {
  readonly out: string;
  readonly modelCard?: string;
  readonly title?: string;
  readonly note?: string;
  readonly withoutTexts?: boolean;
}

export function addReport(program: Command, action: Action): void {
  program
    .command('report')
    .summary('runs side by side on one page')
    .description(
      'Compares the models of any runs on one page that needs no network: scores, what quality costs, tasks, paired answers, speed, what was cut, training.',
    )
    .argument('<runs...>', 'folders that `chop run` or `chop compare` has left')
    .option('-o, --out <file>', 'the page', 'report.html')
    .option('--model-card <file>', 'write a section for a model card too, in Markdown')
    .option('--title <text>', 'the title of the page; the names of the runs if not given')
    .option('--note <text>', 'a sentence under the title')
    .option('--without-texts', 'leave away the texts of examples that flipped: licences of data')
    .addHelpText(
      'after',
      examples(
        'chop report runs/quick-start -o report.html',
        'chop report runs/layer-chop runs/wanda runs/dim-chop -o compared.html',
        'chop report runs/half -o half.html --model-card card.md',
        'chop report runs/half-vs-narrow/* --note "Two cuts, one budget." --without-texts',
      ),
    )
    .action(
      action<ReportFlags>(async (call, runs, { out, modelCard, title, note, withoutTexts }) => {
        const { signal } = call.interrupt;
        const result = await (
          await call.chop()
        ).report(runs, { out, signal, ...given({ modelCard, title, note }), ...(withoutTexts ? { texts: false } : {}), ...call.force });
        return { result, text: async () => (await import('../report-text.js')).reportText(result, call.paint) };
      }),
    );
}
