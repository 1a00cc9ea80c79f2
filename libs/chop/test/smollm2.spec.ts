import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tokenizer } from '@chop/data';
import { type Chop, compose, layerChop, type OpenModel, wanda } from '../src/index.js';
import { openSafetensors } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { generate } from '@chop/models';
import type { Model } from '@chop/core';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { GOLDEN, golden, smollm2, TEXTS } from './golden.js';

interface Reference {
  tokens: { text: string; ids: number[] }[];
  next_token: { ids: number[]; top8: number[]; logits: number[]; logits_first16: number[] };
  greedy: { ids: number[]; text: string };
  ppl20x512: number;
  train: { keep: number[]; loss: number[]; grad_norm: number[] };
}

const reference = golden<Reference>('smollm2-reference.json');
const pruning = golden<Record<string, { ppl: number }>>('smollm2-pruning.json');
const WIKITEXT = join(TEXTS, 'wikitext2-test-a.txt');
const TRAIN_TEXT = join(TEXTS, 'wiki-passages-train.jsonl');

let chop: Chop;
let base: OpenModel;
let tokenizer: Tokenizer;
let folder: string;

beforeAll(async () => {
  await startEngine();
  chop = await compose();
  base = await chop.open(smollm2());
  tokenizer = await base.tokenizer();
  folder = mkdtempSync(join(tmpdir(), 'chop-smollm2-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

describe('SmolLM2-135M-Instruct from its GGUF', () => {
  test('tokens are those of the reference, and decode to the text', () => {
    for (const { text, ids } of reference.tokens) {
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });

  test('next-token logits and greedy text', async () => {
    const model: Model = await base.load();
    const { ids, top8, logits, logits_first16: first } = reference.next_token;
    const last = tf.tidy(() => model.forward(tf.tensor2d([ids], undefined, 'int32'), { wanted: { from: ids.length - 1, to: ids.length } }).dataSync());
    top8.forEach((id, i) => expect(Math.abs(last[id]! - logits[i]!)).toBeLessThan(1e-3));
    first.forEach((value, id) => expect(Math.abs(last[id]! - value)).toBeLessThan(1e-3));
    const written: number[] = [];
    for await (const id of generate(model, ids, { maxTokens: 24 })) written.push(id);
    expect([...ids, ...written]).toEqual(reference.greedy.ids);
    expect(tokenizer.decode(reference.greedy.ids)).toBe(reference.greedy.text);
    model.drop();
  });

  test('perplexity of 20 windows of 512', async () => {
    const { perplexity } = (await chop.evaluate({ base }, { perplexity: { data: [WIKITEXT], windows: 20 } })).base;
    expect(perplexity).toMatchObject({ tokens: 20 * 511, windows: 20 });
    expect(Math.abs(perplexity!.value / reference.ppl20x512 - 1)).toBeLessThan(1e-3);
  });

  test('LayerCHOP max-gap 30 → 15: streamed, its perplexity, and the first five steps of recovery', async () => {
    const plan = await chop.plan(base, layerChop({ keep: 15 }));
    expect([...plan.edits.keeps.get('layer')!]).toEqual(reference.train.keep);
    const { out } = await chop.save(await chop.apply(base, plan), join(folder, 'half'));
    const { perplexity } = (await chop.evaluate({ half: out }, { perplexity: { data: [WIKITEXT], windows: 10 } })).half;
    expect(Math.abs(perplexity!.value / pruning['layer-max-gap']!.ppl - 1)).toBeLessThan(1e-3);

    const norms: number[] = [];
    const { training } = await chop.train(out, {
      data: [TRAIN_TEXT],
      steps: 5,
      batchSize: 4,
      window: 128,
      order: 'sequential',
      join: '\n\n',
      schedule: 'constant',
      warmupSteps: 0,
      weightDecay: 0,
      onEvent: (event) => void (event.type === 'step' && norms.push(event.gradientNorm)),
    });
    training.losses.forEach((loss, step) => expect(Math.abs(loss / reference.train.loss[step]! - 1)).toBeLessThan(1e-3));
    norms.forEach((norm, step) => expect(Math.abs(norm / reference.train.grad_norm[step]! - 1)).toBeLessThan(1e-2));
  });

  test('Wanda 2:4: the masks of layers 0, 14 and 29, and the perplexity', async () => {
    const plan = await chop.plan(base, wanda({ pattern: '2:4' }), { data: [TRAIN_TEXT], samples: 16, window: 256, join: '\n\n' });
    const file = await openSafetensors(join(GOLDEN, 'smollm2-masks.safetensors'));
    const roles: Record<string, string> = {
      q_proj: 'self_attn',
      k_proj: 'self_attn',
      v_proj: 'self_attn',
      o_proj: 'self_attn',
      gate_proj: 'mlp',
      up_proj: 'mlp',
      down_proj: 'mlp',
    };
    const share = new Map<string, { equal: number; total: number }>();
    for (const name of file.tensors.keys()) {
      const [, layer, linear] = /^wanda_2_4\/(\d+)\.(?:.*\.)?(\w+)$/.exec(name) ?? [];
      if (layer === undefined || linear === undefined) continue;
      const mask = plan.edits.masks.get(`model.layers.${layer}.${roles[linear]}.${linear}.weight`)!;
      const count = share.get(layer) ?? { equal: 0, total: 0 };
      let at = 0;
      for await (const piece of file.stream(name)) for (const byte of piece) count.equal += 8 - bits(byte ^ mask.bits[at++]!);
      count.total += mask.total;
      share.set(layer, count);
    }
    await file.close();
    expect([...share.keys()].sort()).toEqual(['0', '14', '29']);
    for (const [layer, { equal, total }] of share) expect(equal / total).toBeGreaterThanOrEqual(layer === '0' ? 0.9999 : 0.99);
    const sparse = await chop.apply(base, plan);
    const { perplexity } = (await chop.evaluate({ sparse }, { perplexity: { data: [WIKITEXT], windows: 10 } })).sparse;
    expect(Math.abs(perplexity!.value / pruning['wanda_2_4']!.ppl - 1)).toBeLessThan(0.02);
  });
});

function bits(byte: number): number {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}
