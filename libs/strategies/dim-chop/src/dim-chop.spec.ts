import { applyToModel, type Edit, hideIndices, type MaskAxis, type Model, type Plan, type Pruner, type Session } from '@chop/core';
import { checkPruner, randomCheckpoint } from '@chop/core/testing';
import { startEngine } from '@chop/kernels';
import { llama } from '@chop/models';
import { train, trainOptions } from '@chop/training';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { dimChop, nearestMultiple, shareAt } from './dim-chop.js';
import { lowest } from './score.js';

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 30,
  hidden_size: 16,
  intermediate_size: 12,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  tie_word_embeddings: true,
};

beforeAll(async () => void (await startEngine()));
afterEach(() => tf.disposeVariables());

/** What {@link watched} saw of one edit: the model right before it. */
type Watch = (edit: Edit, session: Session, model: Model) => void;

async function trained(steps: number, given: Record<string, unknown>, watch: Watch = () => {}): Promise<{ model: Model; plan: Plan }> {
  const model = llama.family.model(llama.family.blueprint(CONFIG));
  await model.load(randomCheckpoint(llama.family, CONFIG, 3));
  const { method } = dimChop;
  const watching: Pruner = Object.assign(Object.create(method) as Pruner, {
    async *plan(session: Session, options: never): AsyncGenerator<Edit> {
      for await (const edit of method.plan(session, options)) {
        watch(edit, session, model);
        yield edit;
      }
    },
  });
  const plan = await train({
    model,
    options: trainOptions.parse({ steps, batchSize: 2, window: 8, lr: 1e-2, schedule: 'constant', warmupSteps: 0 }),
    batch: (index) => ({ ids: Int32Array.from({ length: 16 }, (_, i) => (index * 16 + i * 7) % 30), batchSize: 2, window: 8 }),
    pruner: { method: watching, options: method.options.parse(given) },
  });
  return { model, plan };
}

function logits(model: Model): Float32Array {
  return tf.tidy(() => model.forward(tf.tensor2d([[3, 1, 4, 1, 5, 9, 2, 6]], undefined, 'int32')).dataSync() as Float32Array).slice();
}

describe('the schedule', () => {
  test('rises from 0 at the warm-up to the whole share at the end, steeply at first', () => {
    const o = { sparsity: 0.6, warmupSteps: 10, endStep: 30, rate: 3 };
    expect([shareAt(0, o), shareAt(10, o)]).toEqual([0, 0]);
    expect(shareAt(30, o)).toBeCloseTo(0.6, 12);
    expect(shareAt(99, o)).toBeCloseTo(0.6, 12);
    // Half way: 0.6 · (1 − e^−1.5) / (1 − e^−3) = 0.6 · 0.7768698 / 0.9502129.
    expect(shareAt(20, o)).toBeCloseTo(0.490545, 5);
  });

  test('the lowest scores go first, ties to the lower index', () => {
    expect([...lowest([3, 1, 2, 1, 5], 3)].sort()).toEqual([1, 2, 3]);
    expect([...lowest([1, 1, 1], 2)]).toEqual([0, 1]);
    expect(lowest([1, 2], 0).size).toBe(0);
  });
});

describe('DimCHOP', () => {
  test('holds the laws of a pruner', async () => {
    const plan = await checkPruner(dimChop.method, {
      family: llama.family,
      config: CONFIG,
      options: dimChop.method.options.parse({ every: 2, endStep: 6 }),
      steps: 8,
    });
    for (const mask of plan.masks.values()) expect(mask.kept / mask.total).toBe(0.5);
  });

  test('with shared axes ends with really smaller matrices', async () => {
    const { model, plan } = await trained(8, { every: 2, endStep: 6, shared: ['ffn', 'kv', 'width'] });
    const { axes, weights } = model.blueprint;
    expect([axes.size('width'), ...[0, 1, 2].flatMap((at) => [axes.size('ffn', at), axes.size('kv', at)])]).toEqual([8, 6, 1, 6, 1, 6, 1]);
    expect(model.config).toMatchObject({ hidden_size: 8, intermediate_size: 6, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 4 });
    expect(weights.get('model.layers.1.self_attn.q_proj.weight')!.shape).toEqual([8, 8]);
    expect(model.value('model.layers.1.mlp.down_proj.weight').shape).toEqual([8, 6]);
    expect(model.latent.size).toBe(0);
    expect(plan.masks.size).toBe(0);
    for (const name of model.names) for (const slot of model.entry(name).slots.values()) expect(slot.shape).toEqual(model.value(name).shape);
  });

  test('with a multiple the sizes of rows that are left are multiples of it, heads are counted as before', async () => {
    const { model } = await trained(8, { every: 2, endStep: 6, shared: ['ffn', 'kv', 'width'], multiple: 4 });
    const { axes } = model.blueprint;
    expect([axes.size('width'), axes.size('ffn', 0), axes.size('kv', 0)]).toEqual([8, 8, 1]); // of 16, 12 and 2; half of 12 is as near to 8 as to 4
    expect([nearestMultiple(768, 256, 1536), nearestMultiple(100, 256, 1536), nearestMultiple(1530, 256, 1536), nearestMultiple(300, 256, 576)]).toEqual([
      768, 256, 1536, 256,
    ]);
    expect(nearestMultiple(10, 32, 20)).toBe(20);
  });

  test('the cut model says what the masked one said right before', async () => {
    const masked: Float32Array[] = [];
    const going: MaskAxis[] = [];
    const { plan } = await trained(6, { every: 2, endStep: 6, shared: ['ffn', 'kv', 'width'] }, (edit, session) => {
      if (session.budget.stepsDone === 6 && 'keep' in edit)
        going.push({ maskAxis: edit.keep, indices: edit.indices, ...(edit.at === undefined ? {} : { at: edit.at }) });
    });
    // The same run up to the edits of its last step, which mask here what they cut there.
    const { model } = await trained(6, { every: 2, endStep: 6, shared: ['ffn', 'kv', 'width'] }, (edit, session, live) => {
      if (masked.length > 0 || session.budget.stepsDone < 6 || !('keep' in edit)) return;
      const copy = llama.family.model(live.blueprint);
      for (const name of live.names) copy.put(name, live.value(name).dataSync().slice() as Float32Array);
      for (const hidden of going) hideIndices(copy, hidden);
      masked.push(logits(copy));
      const cut = llama.family.model(live.blueprint);
      for (const name of live.names) cut.put(name, live.value(name).dataSync().slice() as Float32Array);
      applyToModel(cut, plan);
      masked.push(logits(cut));
    });
    expect(going).toHaveLength(7);
    const [hidden, cut] = masked as [Float32Array, Float32Array];
    hidden.forEach((value, i) => expect(Math.abs(value - cut[i]!)).toBeLessThan(1e-4));
    expect([...logits(model)]).toEqual([...cut]);
    expect(Math.max(...hidden.map(Math.abs))).toBeGreaterThan(0.1);
  });

  test('until it ends more and more indices are hidden, as many in every layer as the schedule says', async () => {
    const hidden: { step: number; kept: number }[] = [];
    await trained(24, { every: 2, endStep: 24, sparsity: 0.7, shared: ['ffn'] }, (edit, session) => {
      if ('maskAxis' in edit) hidden.push({ step: session.budget.stepsDone, kept: edit.indices.length });
    });
    const steps = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22];
    const kept = (step: number): number => 12 - Math.round(12 * shareAt(step, { sparsity: 0.7, warmupSteps: 0, endStep: 24, rate: 3 }));
    expect(hidden).toEqual(steps.flatMap((step) => [0, 1, 2].map(() => ({ step, kept: kept(step) }))));
    expect([kept(2), kept(22)]).toEqual([10, 4]);
  });

  test.each([
    { endStep: 30, every: 2 },
    { endStep: 3, warmupSteps: 3 },
  ])('an end that does not fit the run is refused: %o', async (given) => {
    await expect(trained(8, given)).rejects.toMatchObject({ code: 'OPTION_VALUE', message: expect.stringContaining('endStep') as unknown });
  });
});
