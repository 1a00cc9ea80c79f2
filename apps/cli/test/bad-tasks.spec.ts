import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { emptyProject } from './project.js';
import type { Expected } from './refusal.js';

const { folder, model, refuse } = emptyProject();

const PIQA = { goal: 'boil an egg', sol1: 'in water', sol2: 'in sand', label: 0 };

async function data(...rows: readonly object[]): Promise<string> {
  const file = join(folder, 'rows.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}

async function task(text: string): Promise<string> {
  await mkdir(join(folder, 'tasks'));
  await writeFile(join(folder, 'tasks', 'own.yaml'), text);
  return join(folder, 'tasks');
}

const OWN = 'task: own\noutput_type: multiple_choice\ntest_split: test\ndoc_to_text: "{{goal}}"\ndoc_to_target: label\ndoc_to_choice: "{{[sol1, sol2]}}"\n';

describe('tasks that are not what they should be', () => {
  test('an unknown one names the nearest', async () => {
    await refuse(['eval', model, '--tasks', 'piqqa'], { code: 'TASK_UNKNOWN', says: ['piqqa', 'Did you mean piqa?', '--tasks-dir'] });
  });

  test('one twice', async () => {
    await refuse(['eval', model, '--tasks', 'piqa,piqa'], { code: 'TASK_TWICE', says: ['piqa twice', 'Name it once'] });
  });

  test('no data, data of a task that does not run, data that is not there', async () => {
    process.env['HF_HUB_OFFLINE'] = '1';
    await refuse(['eval', model, '--tasks', 'piqa'], { code: 'TASK_DATA', says: ['piqa', 'HF_HUB_OFFLINE', '--task-data piqa=FILE'] });
    delete process.env['HF_HUB_OFFLINE'];
    await refuse(['eval', model, '--tasks', 'piqa', '--task-data', `pika=${await data(PIQA)}`], {
      code: 'TASK_DATA_UNUSED',
      says: ['pika', 'Did you mean piqa?'],
    });
    await refuse(['eval', model, '--tasks', 'piqa', '--task-data', 'piqa=none.jsonl'], { code: 'DATA_MISSING', says: ['none.jsonl', 'Check the path'] });
  });

  test('options of tasks without tasks', async () => {
    await refuse(['eval', model, '--limit', '4'], { code: 'EVAL_TASKS', says: ['--limit without --tasks', '--tasks piqa,sciq'] });
  });

  test('a folder without tasks', async () => {
    await refuse(['eval', model, '--tasks', 'piqa', '--tasks-dir', join(folder, 'none')], { code: 'TASKS_DIR', says: ['no such folder', 'lm-eval'] });
  });
});

describe('YAML with a mistake names file, line and the nearest word', () => {
  test.each<[string, string, number, Expected]>([
    ['a key', `${OWN}doc_to_txt: x\n`, 7, { code: 'OPTION_UNKNOWN', says: ['own.doc_to_txt', 'Did you mean doc_to_text?'] }],
    ['a function', `${OWN}process_docs: !function utils.process_dox\n`, 7, { code: 'TASK_FUNCTION', says: ['utils.process_dox', 'Python cannot run here'] }],
    ['what is not supported', `${OWN}doc_to_image: picture\n`, 7, { code: 'TASK_UNSUPPORTED', says: ['doc_to_image', 'images'] }],
    ['a metric', `${OWN}metric_list:\n  - metric: acc_nrm\n`, 0, { code: 'TASK_UNSUPPORTED', says: ['acc_nrm', 'The nearest is acc_norm'] }],
    ['an aggregation', `${OWN}metric_list:\n  - metric: acc\n    aggregation: maen\n`, 0, { code: 'TASK_UNSUPPORTED', says: ['maen', 'The nearest is mean'] }],
    ['a text without an end', 'task: own\ndoc_to_text: "{{goal}}\n', 3, { code: 'TASK_SYNTAX', says: ['Mend that line'] }],
    ['a template', OWN.replace('{{goal}}', '{{goal'), 0, { code: 'TASK_TEMPLATE', says: ['{{goal', 'a Jinja template'] }],
  ])('%s', async (_, text, line, expected) => {
    const error = await refuse(['eval', model, '--tasks', 'own', '--tasks-dir', await task(text), '--task-data', `own=${await data(PIQA)}`], expected);
    if (line > 0) expect(error).toMatchObject({ file: expect.stringContaining('own.yaml'), line });
  });
});

describe('an example that a task cannot read names file, line and example', () => {
  test.each<[string, object, Expected]>([
    ['a missing field', { goal: 'g', sol1: 'a', label: 0 }, { code: 'TASK_FIELD', says: ['sol2', 'goal, sol1, label'] }],
    ['an empty choice', { ...PIQA, sol2: '' }, { code: 'TASK_CHOICES', says: ['an empty choice', 'none of them empty'] }],
    ['an answer out of range', { ...PIQA, label: 2 }, { code: 'TASK_GOLD', says: ['the answer 2', '0 to 1'] }],
    ['a hidden answer', { ...PIQA, label: -1 }, { code: 'TASK_GOLD', says: ['the answer -1', 'hide their answers'] }],
  ])('%s', async (_, row, expected) => {
    const error = await refuse(['eval', model, '--tasks', 'piqa', '--task-data', `piqa=${await data(PIQA, row)}`], expected);
    expect(error).toMatchObject({ file: join(folder, 'rows.jsonl'), line: 2, task: 'piqa', doc_id: 1 });
  });

  test('a sentence without a gap', async () => {
    const rows = await data({ sentence: 'No gap.', option1: 'a', option2: 'b', answer: '1' });
    await refuse(['eval', model, '--tasks', 'winogrande', '--task-data', `winogrande=${rows}`], {
      code: 'TASK_DOCUMENT',
      says: ['example 0 of winogrande', 'no gap'],
    });
  });

  test('no example at all', async () => {
    await refuse(['eval', model, '--tasks', 'piqa', '--task-data', `piqa=${await data()}`], { code: 'TASK_EMPTY', says: ['no example of piqa'] });
  });

  test('a choice longer than the model sees', async () => {
    const error = await refuse(
      [
        'eval',
        model,
        '--tasks',
        'piqa',
        '--task-data',
        `piqa=${await data({ ...PIQA, sol1: 'a' }, { ...PIQA, sol2: 'word '.repeat(40) })}`,
        '--max-length',
        '8',
      ],
      {
        code: 'TASK_CONTINUATION',
        says: ['1 to 8', '--max-length'],
      },
    );
    expect(error).toMatchObject({ file: join(folder, 'rows.jsonl'), line: 2, doc_id: 1 });
  });

  test('too few examples to stand before a question', async () => {
    const rows = await data(PIQA, PIQA);
    await refuse(['eval', model, '--tasks', 'piqa', '--task-data', `piqa=${rows}`, '--num-fewshot', '4'], {
      code: 'TASK_FEWSHOT',
      says: ['2 examples to draw 5 from'],
    });
  });
});

test('samples do not replace a file that is there', async () => {
  const rows = await data(PIQA);
  await refuse(['eval', model, '--tasks', 'piqa', '--task-data', `piqa=${rows}`, '--samples', rows], { code: 'OUTPUT_EXISTS', says: ['--force'] });
});
