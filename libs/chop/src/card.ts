import type { Lineage } from './lineage.js';
import type { LoaderVerdict } from './loaders.js';

/** The README.md of a written model. `loaders`: what the programs that read its format make of it. */
export function modelCard({ base, made, parametersBefore }: Lineage, parameters: number, loaders: readonly LoaderVerdict[]): string {
  const [takes, refuses] = [loaders.filter(({ loads }) => loads), loaders.filter(({ loads }) => !loads)];
  const isHub = base.startsWith('hf:');
  const millions = (count: number): string => `${(count / 1e6).toFixed(1)} M`;
  return [
    '---',
    ...(isHub ? [`base_model: ${base.slice(3).replace(/@.*$/, '')}`] : []),
    `library_name: ${takes[0]?.loader ?? 'chop'}`,
    'pipeline_tag: text-generation',
    'tags: [chop, pruned]',
    '---',
    '',
    `# ${isHub ? base.slice(3).replace(/@.*$/, '') : 'A language model'}, ${parameters === parametersBefore ? '' : `${millions(parametersBefore)} → `}${millions(parameters)} parameters`,
    '',
    `Made from \`${base}\` with chop (Just CHOP: Embarrassingly Simple LLM Compression, arXiv 2305.14864).`,
    '',
    [
      `Loads in ${takes.length === 0 ? 'chop' : takes.map(({ loader }) => loader).join(' and ')}.`,
      ...refuses.map(({ loader, why }) => `${loader} does not load it: ${why}.`),
    ].join(' '),
    '',
    '## How it was made',
    '',
    ...made.map((step, index) => `${index + 1}. ${step}`),
    '',
  ].join('\n');
}
