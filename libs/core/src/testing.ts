import * as tf from '@tensorflow/tfjs-core';
import { applyToCheckpoint, applyToModel, hideIndices } from './apply.js';
import { LAYER } from './axis.js';
import type { Blueprint } from './blueprint.js';
import { type Checkpoint, type Config, elementCount, fromFloat32, readBytes } from './checkpoint.js';
import { PluginError } from './error.js';
import type { Family } from './family.js';
import type { Pruner } from './pruner.js';
import type { Model } from './model.js';
import { keep, maskAxis } from './edit.js';
import { Plan, planOf } from './plan.js';
import { Random } from './random.js';
import { drive, MethodSession } from './method-session.js';
import type { PassOptions } from './pass.js';
import type { Step } from './session.js';
import { OpenTree } from './token-tree.js';

/** How far two models' logits may differ that compute the same in another order. */
const LOGIT_TOLERANCE = 1e-3;

/** A checkpoint in memory, weights drawn from N(0, 0.3²) around 0 (matrices) or 1 (vectors). */
export function randomCheckpoint(family: Family, config: Config, seed = 0): Checkpoint {
  const blueprint = family.blueprint(config);
  const tensors = new Map([...blueprint.weights.values()].map(({ name, shape }) => [name, { name, shape, dtype: 'F32' as const }]));
  const values = new Map(
    [...blueprint.weights.values()].map(({ name, shape }) => {
      const random = Random.of(seed, name);
      return [name, Float32Array.from({ length: elementCount(shape) }, () => (shape.length === 1 ? 1 : 0) + 0.3 * random.normal())];
    }),
  );
  return {
    source: 'random',
    config,
    tensors,
    companions: new Map(),
    async *stream(name, from = 0, to) {
      yield fromFloat32(values.get(name)!, 'F32').subarray(from, to);
    },
    async close() {},
  };
}

/** A random plan: some indices of some axes that may be cut, equally many in each layer. */
export function randomPlan(model: Blueprint, random: Random): Plan {
  let plan = Plan.nothing(model);
  for (const [axis, rule] of Object.entries(model.axes.rules)) {
    if (rule.pinned || random.next() < 0.3) continue;
    const size = plan.after.axes.common(axis)!;
    const count = 1 + random.integer(size);
    const places = rule.perLayer ? Array.from({ length: plan.after.axes.layers }, (_, at) => at) : [undefined];
    for (const at of places) {
      const indices = random.permutation(size).slice(0, count).sort();
      plan = plan.followedBy(Plan.of(plan.after, { keeps: new Map([[plan.after.axes.key(axis, at), indices]]) }));
    }
  }
  return plan;
}

/**
 * The laws of a family, on a small config of it: plans compose, nothing stays nothing, a cut live model is the cut checkpoint,
 * and cutting an axis is masking the rest of it.
 *
 * @throws {@link PluginError} `FAMILY_LAW` naming the law that does not hold.
 */
export async function checkFamily(family: Family, config: Config, seed = 0): Promise<void> {
  const checkpoint = randomCheckpoint(family, config, seed);
  const blueprint = family.blueprint(config);
  const random = Random.of(seed, 'laws');
  const first = randomPlan(blueprint, random);
  const second = randomPlan(first.after, random);
  await same('apply(nothing) = same', applyToCheckpoint(checkpoint, Plan.nothing(blueprint)), checkpoint);
  const stepwise = applyToCheckpoint(applyToCheckpoint(checkpoint, first), second);
  const composed = first.followedBy(second);
  await same('apply(p.followedBy(q)) = apply(q) ∘ apply(p)', applyToCheckpoint(checkpoint, composed), stepwise);
  const live = await loaded(family, blueprint, checkpoint);
  applyToModel(live, composed);
  await same('a cut live model = the cut checkpoint', live.asCheckpoint({ source: 'live', companions: new Map() }), stepwise);
  live.drop();
  await checkTree(family, blueprint, checkpoint);
  for (const [axis, rule] of Object.entries(blueprint.axes.rules))
    if (!rule.pinned && axis !== LAYER) await checkMask(family, blueprint, checkpoint, axis, random);
}

/** Two texts that begin alike, `[5, 4, 3, 2]` and `[5, 4, 1]`, in one row: a family that asks for the tree gives each what it gives it alone. */
async function checkTree(family: Family, blueprint: Blueprint, checkpoint: Checkpoint): Promise<void> {
  const model = await loaded(family, blueprint, checkpoint);
  const tree = new OpenTree([-1, 0, 1, 2, 1]);
  const logits = (ids: number[], options: PassOptions = {}): tf.Tensor => model.forward(tf.tensor2d([ids], undefined, 'int32'), options);
  const apart = (a: tf.Tensor, b: tf.Tensor): number => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
  const [branches, choice] = tf.tidy(() => {
    const together = logits([5, 4, 3, 2, 1], { tree });
    const wanted = Int32Array.of(4, 1, 3);
    const some = apart(logits([5, 4, 3, 2, 1], { tree, wanted }), tf.gather(together, wanted, 1));
    if (!tree.understood) return [0, some];
    const alone = tf.concat([logits([5, 4, 3, 2]), tf.slice(logits([5, 4, 1]), [0, 2, 0], [1, 1, -1])], 1);
    return [apart(together, alone), some];
  });
  tree.dispose();
  model.drop();
  if (!(branches! < LOGIT_TOLERANCE)) throw broken('texts in a tree = each text alone', `logits that differ by ${branches}`);
  if (!(choice! < LOGIT_TOLERANCE)) throw broken('wanted tokens = the same tokens of all', `logits that differ by ${choice}`);
}

async function checkMask(family: Family, blueprint: Blueprint, checkpoint: Checkpoint, axis: string, random: Random): Promise<void> {
  const places = blueprint.axes.rules[axis]!.perLayer ? Array.from({ length: blueprint.axes.layers }, (_, at) => at) : [undefined];
  const size = blueprint.axes.size(axis, places[0]);
  const [masked, cut] = [await loaded(family, blueprint, checkpoint), await loaded(family, blueprint, checkpoint)];
  const count = Math.max(1, Math.floor(size / 2));
  for (const at of places) {
    const indices = random.permutation(size).slice(0, count).sort();
    hideIndices(masked, maskAxis(axis, indices, at));
    applyToModel(cut, await planOf(cut.blueprint, keep(axis, indices, at)));
  }
  const vocabulary = blueprint.axes.size('vocab');
  const difference = tf.tidy(() => {
    const ids = tf.tensor2d(
      Array.from({ length: 9 }, () => random.integer(vocabulary)),
      [1, 9],
      'int32',
    );
    return tf.max(tf.abs(tf.sub(masked.forward(ids), cut.forward(ids)))).dataSync()[0]!;
  });
  masked.drop();
  cut.drop();
  if (!(difference < LOGIT_TOLERANCE)) throw broken(`keep ≡ mask of the rest, axis ${axis}`, `logits that differ by ${difference}`);
}

/** What {@link checkPruner} runs a method on. */
export interface PrunerTrial<O> {
  readonly family: Family;
  readonly config: Config;
  readonly options: O;
  /** Steps of a training run whose gradients are random; for a method that needs training. */
  readonly steps?: number;
}

/**
 * The laws of a pruner, on a small random model: its input keeps every byte, the same seed gives the same plan, it changes something,
 * and it leaves no tensor behind.
 *
 * @throws {@link PluginError} `PRUNER_LAW` naming the law that does not hold.
 */
export async function checkPruner<O>(pruner: Pruner<O>, { family, config, options, steps = 0 }: PrunerTrial<O>): Promise<Plan> {
  const checkpoint = randomCheckpoint(family, config);
  const before = await bytesOf(checkpoint);
  const run = async (): Promise<Plan> => {
    const model = await loaded(family, family.blueprint(config), checkpoint);
    const random = Random.of(1, 'method');
    const vocabulary = model.blueprint.axes.size('vocab');
    const text = async (): Promise<Int32Array[]> =>
      Array.from({ length: 3 }, (_, row) => Int32Array.from({ length: 11 }, (_, i) => (7 * row + 5 * i) % vocabulary));
    let done = 0;
    const training = { budget: () => ({ steps, tokensPerStep: 8, stepsDone: done }), steps: () => randomSteps(model, steps, (index) => (done = index)) };
    const session = new MethodSession({ model, text, random: () => random, ...(steps > 0 ? { training } : {}) });
    const plan = await drive(pruner.plan(session, options), session);
    model.drop();
    return plan;
  };
  const tensors = tf.memory().numTensors;
  const [first, second] = [await run(), await run()];
  if (tf.memory().numTensors !== tensors)
    throw broken('a method leaves no tensor behind', `${tf.memory().numTensors - tensors} tensors more than before`, 'PRUNER_LAW');
  if ((await bytesOf(checkpoint)).some((bytes, i) => Buffer.compare(bytes, before[i]!) !== 0))
    throw broken('a method leaves every input byte as it was', 'changed bytes', 'PRUNER_LAW');
  await same('the same seed gives the same plan', applyToCheckpoint(checkpoint, first), applyToCheckpoint(checkpoint, second), 'PRUNER_LAW');
  if (first.isNothing) throw broken('a method changes something', 'a plan that changes nothing', 'PRUNER_LAW');
  return first;
}

async function* randomSteps(model: Model, steps: number, advance: (index: number) => void): AsyncGenerator<Step> {
  for (let index = 1; index <= steps; index++) {
    advance(index);
    yield {
      index,
      tokens: 8 * index,
      gradient: (weight) => tf.randomNormal(model.value(typeof weight === 'string' ? weight : weight.name).shape, 0, 1, 'float32', index),
    };
  }
}

async function loaded(family: Family, blueprint: Blueprint, checkpoint: Checkpoint): Promise<Model> {
  const model = family.model(blueprint);
  await model.load(checkpoint);
  return model;
}

async function bytesOf(checkpoint: Checkpoint): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for (const name of [...checkpoint.tensors.keys()].sort()) all.push(Buffer.from(await readBytes(checkpoint, name)));
  return all;
}

async function same(law: string, found: Checkpoint, expected: Checkpoint, code = 'FAMILY_LAW'): Promise<void> {
  const [names, others] = [[...found.tensors.keys()].sort(), [...expected.tensors.keys()].sort()];
  if (names.join() !== others.join()) throw broken(law, 'other tensors', code);
  const [mine, theirs] = [await bytesOf(found), await bytesOf(expected)];
  const wrong = names.find((_, i) => Buffer.compare(mine[i]!, theirs[i]!) !== 0);
  if (wrong !== undefined) throw broken(law, `other bytes in ${wrong}`, code);
  if (JSON.stringify(found.config) !== JSON.stringify(expected.config)) throw broken(law, 'another config', code);
}

function broken(law: string, found: string, code = 'FAMILY_LAW'): PluginError {
  return new PluginError(code, { found, expected: law });
}
