import { nearest, UsageError } from '@chop/core';
import { lstrip, strip } from './python-text.js';
import type { TaskDefinition } from './task-file.js';
import { type FilterConfig, FunctionTag } from './task-schema.js';
import { pythonPattern } from './template-methods.js';

type Step = FilterConfig['filter'][number];
type Change = (answer: string) => string;

/** lm-eval's filters, of one answer per example; `take_first` and the like leave it as it is. */
const FILTERS: Readonly<Record<string, (step: Step) => Change>> = {
  take_first: () => (answer) => answer,
  take_first_k: () => (answer) => answer,
  majority_vote: () => (answer) => answer,
  remove_whitespace: () => lstrip,
  lowercase: () => (answer) => answer.toLowerCase(),
  uppercase: () => (answer) => answer.toUpperCase(),
  map: ({ mapping_dict: mapping = {}, default_value: otherwise = null }) => {
    const known = mapping as Readonly<Record<string, unknown>>;
    return (answer) => String(Object.hasOwn(known, answer) ? known[answer] : (otherwise ?? 'None'));
  },
  regex: ({ regex_pattern: pattern = '#### (\\-?[0-9\\.\\,]+)', group_select: which = 0, fallback = '[invalid]' }) => {
    const expression = pythonPattern(String(pattern), 'g');
    return (answer) => {
      const match = [...answer.matchAll(expression)].at(Number(which));
      if (!match) return String(fallback);
      // Of several groups, Python's findall tells all: the first that holds something counts.
      const found = match.length <= 1 ? match[0] : match.length === 2 ? (match[1] ?? '') : match.slice(1).find((group) => group !== undefined && group !== '');
      return found === undefined ? String(fallback) : strip(found);
    };
  },
};

/** What comes of an answer in the end, by the name of the filter. */
export function filtersOf({ config, file }: TaskDefinition): ReadonlyMap<string, Change> {
  const listed = config.filter_list ?? [{ name: 'none', filter: [{ function: 'take_first' }] }];
  return new Map(
    listed.map(({ name, filter }) => {
      const changes = filter.map((step) => {
        const name = step.function instanceof FunctionTag ? `!function ${step.function.name}` : step.function;
        const make = FILTERS[name];
        if (make) return make(step);
        throw new UsageError('TASK_UNSUPPORTED', {
          file,
          found: `the filter ${name} of ${config.task}`,
          expected: `one of ${Object.keys(FILTERS).join(', ')}`,
          remedy: `The nearest is ${nearest(name, Object.keys(FILTERS))}.`,
        });
      });
      return [name, (answer: string) => changes.reduce((rest, change) => change(rest), answer)];
    }),
  );
}
