import type { InspectResult } from '@chop/chop';
import type { CommandDefinition } from '../definition.js';
import { bytes, columns, count } from '../format.js';

export const inspect: CommandDefinition = {
  name: 'inspect',
  description: "a model's family, axes and tensors, as a tree",
  examples: ['chop inspect embedded', 'chop inspect model.gguf --json', 'chop inspect hf:HuggingFaceTB/SmolLM2-135M'],
  define(command) {
    command.argument('<model>', 'a folder, a .gguf file, hf:org/name[@revision], or embedded');
    return async (context, [model]) => {
      const result = await (await context.chop()).inspect(model!);
      context.print(result, () => tree(result));
    };
  },
};

function tree({ model, family, parameters, bytes: size, dtype, layers, tensors }: InspectResult): string {
  const row = (indent: string, name: string, { shape, axes, dtype: stored, bytes: length }: InspectResult['tensors'][number]): string[] => [indent + name, `[${shape.join(', ')}]`, axes.join(' × '), stored, bytes(length)];
  const layerOf = (name: string): string | undefined => /^(.*?\.\d+\.)/.exec(name)?.[1];
  const outer = tensors.filter(({ name }) => !layerOf(name));
  const blocks = new Map<string, InspectResult['tensors']>();
  for (const tensor of tensors) {
    const prefix = layerOf(tensor.name);
    if (prefix) blocks.set(prefix, [...(blocks.get(prefix) ?? []), tensor]);
  }
  const alike = new Map<string, string[]>();
  for (const [prefix, block] of blocks) {
    const key = block.map(({ name, shape }) => `${name.slice(prefix.length)}${shape.join()}`).join();
    alike.set(key, [...(alike.get(key) ?? []), prefix]);
  }
  const rows: string[][] = outer.map((tensor) => row('├─ ', tensor.name, tensor));
  for (const prefixes of alike.values()) {
    const first = prefixes[0]!;
    rows.push([`├─ ${prefixes.length === 1 ? first.slice(0, -1) : `${prefixes.length} × ${first.slice(0, -1)} … ${prefixes.at(-1)!.slice(0, -1)}`}`, '', '', '', '']);
    for (const tensor of blocks.get(first)!) rows.push(row('│  ├─ ', tensor.name.slice(first.length), tensor));
  }
  return [`${model}: ${family}, ${count(parameters)} parameters, ${bytes(size)} (${dtype}), ${layers} layers`, columns(rows, [4])].join('\n');
}
