/** What chop writes, each as `{ old, next, view }`: writes the old state, replaces it by the next one, and tells which of them stands. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { compose } from '@chop/chop';
import { familyOf, Mask, Plan } from '@chop/core';
import { loadPlan, openCheckpoint, saveFolder, savePlan } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { SnapshotStore } from '@chop/training';
import { llamaConfig, tokenizerConfig, tokenizers } from '../fuzz/seeds.mjs';

const chop = await compose();
const config = { ...llamaConfig, hidden_size: 8, head_dim: 4, rope_scaling: null };
const family = familyOf(chop.parts, config, 'config');
const blueprint = family.blueprint(config);
const { weights } = blueprint;
const text = (value) => new TextEncoder().encode(JSON.stringify(value));
const companions = new Map([
  ['tokenizer.json', async () => text(tokenizers[0])],
  ['tokenizer_config.json', async () => text(tokenizerConfig)],
]);

/** A model whose every weight is one number. */
const content = (value) => ({
  config,
  companions,
  tensors: [...weights.values()].map(({ name, shape }) => ({
    name,
    shape,
    dtype: 'F32',
    pieces: async function* () {
      yield new Uint8Array(new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value).buffer);
    },
  })),
});

/** Writes a model in a format, from a folder of its own. */
const exported = (format, name) => {
  const write = (value) => async (base) => {
    const from = join(base, '..', `from-${value}`);
    if (!existsSync(from)) await saveFolder(from, content(value));
    const opened = await chop.open(from);
    try {
      await chop.save(opened, join(base, name), { format, dtype: 'f32', force: true, verify: 'none' });
    } finally {
      await opened.close();
    }
  };
  return { old: write(1), next: write(2), view: (base) => tree(base) };
};

const plan = (kept) => ({
  plan: Plan.of(blueprint, {
    masks: new Map([
      [
        masked,
        Mask.from(
          shape,
          Uint8Array.from({ length: elements }, (_, at) => Number(at % 3 === kept)),
        ),
      ],
    ]),
  }),
  made: { kept },
  fingerprint: 'sha256:0',
});
const masked = 'model.layers.0.mlp.up_proj.weight';
const { shape } = weights.get(masked);
const elements = shape.reduce((product, size) => product * size, 1);

const snapshot = (step) => async (base) => {
  await startEngine({ name: 'cpu' });
  const model = family.model(blueprint);
  const from = join(base, '..', 'from-1');
  if (!existsSync(from)) await saveFolder(from, content(1));
  const checkpoint = await openCheckpoint(from);
  await model.load(checkpoint);
  await checkpoint.close();
  try {
    await new SnapshotStore(join(base, 'snapshots'), { seed: 1 }, 1).save(model, Plan.nothing(blueprint), step);
  } finally {
    model.drop();
  }
};

/** A run of one step: no engine is needed. */
const ran = (keep) => async (base) => {
  const from = join(base, '..', 'from-1');
  if (!existsSync(from)) await saveFolder(from, content(1));
  const recipe = join(base, '..', `run-${keep}.yaml`);
  writeFileSync(recipe, JSON.stringify({ name: `run-${keep}`, model: from, steps: [{ prune: { 'layer-chop': { layers: [keep] } } }] }));
  const out = join(base, 'run');
  const [, isMine] = /name: (\S+)/.exec(existsSync(join(out, 'recipe.yaml')) ? readFileSync(join(out, 'recipe.yaml'), 'utf8') : '') ?? [];
  await chop.run(recipe, { out, ...(isMine === `run-${keep}` ? { resume: true } : { force: true }) });
};

export const WRITERS = {
  folder: {
    old: (base) => saveFolder(join(base, 'model'), content(1), { force: true }),
    next: (base) => saveFolder(join(base, 'model'), content(2), { force: true, shardBytes: 2000 }),
    view: (base) => tree(base),
  },
  plan: {
    old: (base) => savePlan(join(base, 'plan.json'), plan(0)),
    next: (base) => savePlan(join(base, 'plan.json'), plan(1)),
    async view(base) {
      const { plan: read, made } = await loadPlan(join(base, 'plan.json'), blueprint);
      return `${made.kept} ${[...read.masks.get(masked).bits].join(' ')}`;
    },
  },
  gguf: exported('gguf', 'model.gguf'),
  onnx: exported('onnx', 'onnx'),
  snapshot: {
    old: snapshot(1),
    next: snapshot(2),
    async view(base) {
      const { step, model } = await new SnapshotStore(join(base, 'snapshots'), { seed: 1 }, 1).restore(family, blueprint);
      model.drop();
      return `step ${step}`;
    },
  },
  run: {
    old: ran(0),
    next: ran(1),
    async view(base) {
      const { name, steps } = /** @type {any} */ (parsed(join(base, 'run', 'results.json')) ?? { steps: [] });
      for (const { model } of steps) await (await openCheckpoint(model)).close();
      const recipe = /name: (\S+)/.exec(readFileSync(join(base, 'run', 'recipe.yaml'), 'utf8'))[1];
      if (name !== undefined && name !== recipe) throw new Error(`results of ${name} beside a recipe of ${recipe}`);
      return recipe;
    },
  },
  report: {
    old: (base) => reported(base, 'old title'),
    next: (base) => reported(base, 'new title'),
    view: (base) =>
      `${/<title>[^<]*(old|new) title/.exec(readFileSync(join(base, 'report.html'), 'utf8'))[1]}${readFileSync(join(base, 'report.html'), 'utf8').trimEnd().endsWith('</html>')}`,
  },
};

async function reported(base, title) {
  const source = join(base, '..', 'source');
  if (!existsSync(join(source, 'run', 'results.json'))) await ran(0)(source);
  await chop.report([join(source, 'run')], { out: join(base, 'report.html'), title, force: true });
}

function parsed(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** Names and contents of what users see in a folder. */
function tree(base) {
  const hash = createHash('sha256');
  for (const file of filesIn(base)) if (!relative(base, file).startsWith('.')) hash.update(`${relative(base, file)}\n`).update(readFileSync(file));
  return hash.digest('hex');
}

/** All files below a folder, hidden ones too. */
export function filesIn(folder) {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => (statSync(join(folder, name)).isDirectory() ? filesIn(join(folder, name)) : [join(folder, name)]));
}
