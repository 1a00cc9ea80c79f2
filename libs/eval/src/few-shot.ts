import { DataError } from '@chop/core';
import type { TaskDocument } from './hooks.js';
import { PythonRandom } from './python-random.js';
import { pythonText } from './python-text.js';
import type { DocumentReader } from './task-document.js';
import type { TaskConfig } from './task-schema.js';

/** lm-eval's seed of few-shot examples. */
export const FEW_SHOT_SEED = 1234;

/** Draws the examples that stand before a document, as lm-eval 0.4.9 does: the same ones, in the same order, document after document. */
export class FewShotSampler {
  readonly #config: TaskConfig;
  readonly #documents: readonly TaskDocument[];
  readonly #reader: DocumentReader;
  readonly #random: PythonRandom;

  /** @param documents - the examples to draw from. @param reader - how they are read. */
  constructor(config: TaskConfig, documents: readonly TaskDocument[], reader: DocumentReader, seed = FEW_SHOT_SEED) {
    this.#config = config;
    this.#documents = documents;
    this.#reader = reader;
    this.#random = new PythonRandom(seed);
  }

  /**
   * The text of `count` examples, each with its answer. The document itself is never among them.
   * @throws {@link DataError} `TASK_FEWSHOT` when there are not so many.
   */
  context(document: TaskDocument, count: number): string {
    const { fewshot_delimiter: between, target_delimiter: delimiter, gen_prefix: prefix } = this.#config;
    const own = JSON.stringify(document);
    const drawn = this.#draw(count + (this.#mayDrawItself() ? 1 : 0)).filter((example) => example !== document && JSON.stringify(example) !== own);
    return drawn
      .slice(0, count)
      .map((example) => {
        const text = this.#text(example);
        const target = this.#target(example);
        return target === '' ? text : `${text}${delimiter ?? ' '}${prefix ? `${prefix} ` : ''}${target}${between ?? '\n\n'}`;
      })
      .join('');
  }

  /** lm-eval draws one more where both splits are the same, and also where neither is named. */
  #mayDrawItself(): boolean {
    return (this.#config.fewshot_split ?? null) === (this.#config.test_split ?? null);
  }

  #draw(count: number): readonly TaskDocument[] {
    if (count > this.#documents.length)
      throw new DataError('TASK_FEWSHOT', {
        found: `${this.#documents.length} examples to draw ${count} from`,
        expected: `at least ${count}`,
        remedy: 'Give more of them (--task-data TASK:SPLIT=FILE), or a smaller --num-fewshot.',
      });
    return this.#config.fewshot_config?.sampler === 'first_n' ? this.#documents.slice(0, count) : this.#random.sample(this.#documents, count);
  }

  #text(example: TaskDocument): string {
    const text = this.#reader.text(example);
    return typeof text === 'number' && this.#reader.choices ? this.#reader.choices(example)[text]! : String(text);
  }

  #target(example: TaskDocument): string {
    const target = this.#reader.target(example);
    if (Array.isArray(target)) return pythonText(target[0]);
    return typeof target === 'number' && this.#reader.choices ? this.#reader.choices(example)[target]! : pythonText(target);
  }
}
