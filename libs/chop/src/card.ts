import type { Lineage } from './lineage.js';

/** The README.md of a written model. */
export function modelCard({ base, made, parametersBefore }: Lineage, parameters: number): string {
  const isHub = base.startsWith('hf:');
  const millions = (count: number): string => `${(count / 1e6).toFixed(1)} M`;
  return [
    '---',
    ...(isHub ? [`base_model: ${base.slice(3).replace(/@.*$/, '')}`] : []),
    'library_name: transformers',
    'pipeline_tag: text-generation',
    'tags: [chop, pruned]',
    '---',
    '',
    `# ${isHub ? base.slice(3).replace(/@.*$/, '') : 'A language model'}, ${parameters === parametersBefore ? '' : `${millions(parametersBefore)} → `}${millions(parameters)} parameters`,
    '',
    `Made from \`${base}\` with chop (Just CHOP: Embarrassingly Simple LLM Compression, arXiv 2305.14864). Loads in Python's transformers.`,
    '',
    '## How it was made',
    '',
    ...made.map((step, index) => `${index + 1}. ${step}`),
    '',
  ].join('\n');
}
