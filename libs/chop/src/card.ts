/** What a model card tells of how its model was made. */
export interface CardFacts {
  /** The model it was made from. */
  readonly base: string;
  /** What was done, a sentence each, in order. */
  readonly made: readonly string[];
  readonly parametersBefore?: number;
  readonly parametersAfter: number;
  /** Measured numbers by name. */
  readonly measured?: Readonly<Record<string, string>>;
  /** The resolved recipe, as YAML. */
  readonly recipe?: string;
}

/** The README.md of a written model. */
export function modelCard({ base, made, parametersBefore, parametersAfter, measured, recipe }: CardFacts): string {
  const isHub = base.startsWith('hf:');
  const millions = (count: number): string => `${(count / 1e6).toFixed(1)} M`;
  const lines = [
    '---',
    ...(isHub ? [`base_model: ${base.slice(3).replace(/@.*$/, '')}`] : []),
    'library_name: transformers',
    'pipeline_tag: text-generation',
    'tags: [chop, pruned]',
    '---',
    '',
    `# ${parametersBefore === undefined || parametersBefore === parametersAfter ? '' : 'A smaller '}${isHub ? base.slice(3) : 'model'} (${millions(parametersAfter)} parameters)`,
    '',
    `Made from \`${base}\`${parametersBefore === undefined ? '' : ` (${millions(parametersBefore)} parameters)`} by [chop](https://arxiv.org/abs/2305.14864) (Just CHOP: Embarrassingly Simple LLM Compression).`,
    '',
    '## How it was made',
    '',
    ...made.map((step, index) => `${index + 1}. ${step}`),
  ];
  if (measured && Object.keys(measured).length > 0) {
    lines.push('', '## Measured', '', '| what | value |', '|---|---|', ...Object.entries(measured).map(([name, value]) => `| ${name} | ${value} |`));
  }
  if (recipe) lines.push('', '## Recipe', '', '```yaml', recipe.trimEnd(), '```');
  return `${lines.join('\n')}\n`;
}
