import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Model, Random, type TextCodec } from '@chop/core';
import { startEngine } from '@chop/kernels';
import { llama } from '@chop/models';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { answerAll } from './answer.js';
import { AnswerStore, probeOf } from './answer-store.js';
import type { TokenRequest } from './pass-plan.js';
import { scoreRemembered } from './remembered.js';

const VOCABULARY = 48;
const IDENTITY = { weights: 'sha256:ab', engine: 'an engine', probe: 'cd' };

beforeAll(async () => void (await startEngine()));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chop-answers-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function tinyModel(theta = 10000): Model {
  const blueprint = llama.family.blueprint({
    ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', vocab_size: VOCABULARY, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2 },
    ...{ num_attention_heads: 2, num_key_value_heads: 1, rms_norm_eps: 1e-5, rope_theta: theta, tie_word_embeddings: true },
  });
  const model = llama.family.model(blueprint);
  for (const { name, shape } of blueprint.weights.values()) {
    const random = Random.of(5, name);
    const size = shape.reduce((product, one) => product * one, 1);
    model.put(
      name,
      Float32Array.from({ length: size }, () => (shape.length === 1 ? 1 : 0.4 * random.normal())),
    );
  }
  return model;
}

function requests(): TokenRequest[] {
  const random = Random.of(7, 'requests');
  const ids = (length: number): number[] => Array.from({ length }, () => random.integer(VOCABULARY));
  return Array.from({ length: 24 }, (_, at) => {
    const targets = ids(1 + (at % 3));
    return { input: [...ids(4 + (at % 9)), ...targets.slice(0, -1)], targets, family: at >> 1, greedy: at % 2 === 0 };
  });
}

/** One line's number as it stands in the file. */
function lines(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').slice(1, -1);
}

test('scores are the same to the bit without a store, into one, out of one, and half out of one', async () => {
  const model = tinyModel();
  const asked = requests();
  const { scores: expected } = await scoreRemembered(model, asked, undefined, {});
  const half = AnswerStore.open(folder, IDENTITY);
  expect(await scoreRemembered(model, asked.slice(0, 11), half, {})).toEqual({ scores: expected.slice(0, 11), known: 0 });
  half.close();
  for (const known of [11, 24]) {
    const store = AnswerStore.open(folder, IDENTITY);
    const passes: number[] = [];
    expect(await scoreRemembered(model, asked, store, { onProgress: (done) => passes.push(done) })).toEqual({ scores: expected, known });
    expect([passes[0], passes.at(-1)]).toEqual([known, 24]);
    store.close();
  }
  model.drop();
});

test('what only a greedy answer tells is asked again where an earlier run did not ask for it', () => {
  const [request] = requests();
  const store = AnswerStore.open(folder, IDENTITY);
  store.keepScore(request!, { logLikelihood: -1.5 });
  store.close();
  const next = AnswerStore.open(folder, IDENTITY);
  expect([next.score({ ...request!, greedy: true }), next.score({ ...request!, greedy: false })]).toEqual([undefined, { logLikelihood: -1.5 }]);
  next.close();
});

test('a line that was torn anywhere is no answer, and the next ones stand on lines of their own', () => {
  const [one, two, three] = requests();
  const first = AnswerStore.open(folder, IDENTITY);
  first.keepScore(one!, { logLikelihood: -12.25 });
  first.keepScore(two!, { logLikelihood: -34.5, greedy: false });
  first.close();
  const { length } = readFileSync(first.file);
  const last = `${lines(first.file).at(-1)!}\n`;
  for (let torn = 1; torn < last.length - 1; torn++) {
    truncateSync(first.file, length - last.length);
    appendFileSync(first.file, last.slice(0, torn));
    const store = AnswerStore.open(folder, IDENTITY);
    expect([store.score({ ...one!, greedy: false })?.logLikelihood, store.score({ ...two!, greedy: false })]).toEqual([-12.25, undefined]);
    store.keepScore(three!, { logLikelihood: -7 });
    store.close();
    const next = AnswerStore.open(folder, IDENTITY);
    expect([next.file, next.score({ ...three!, greedy: false })?.logLikelihood]).toEqual([first.file, -7]);
    next.close();
  }
});

test('a cache of another version, engine or program is left as it is, and a new one begun', () => {
  const [request] = requests();
  const before = AnswerStore.open(folder, IDENTITY);
  before.keepScore(request!, { logLikelihood: -1, greedy: true });
  before.close();
  const old = readFileSync(before.file, 'utf8').replace(/"answers":\d+/, '"answers":0');
  writeFileSync(before.file, old);
  for (const identity of [IDENTITY, { ...IDENTITY, engine: 'another' }, { ...IDENTITY, probe: 'ef' }]) {
    const store = AnswerStore.open(folder, identity);
    expect(store.score(request!)).toBeUndefined();
    store.keepScore(request!, { logLikelihood: -2, greedy: true });
    store.close();
  }
  expect(readFileSync(before.file, 'utf8')).toBe(old);
  expect(readdirSync(folder)).toHaveLength(4);
  const again = AnswerStore.open(folder, IDENTITY);
  expect(again.score(request!)?.logLikelihood).toBe(-2);
  again.close();
});

test('a probe tells a model from one whose program computes something else from the same weights', async () => {
  const [one, same, other] = [tinyModel(), tinyModel(), tinyModel(20000)];
  const probes = [await probeOf(one), await probeOf(same), await probeOf(other)];
  expect(probes[0]).toBe(probes[1]);
  expect(probes[0]).not.toBe(probes[2]);
  for (const model of [one, same, other]) model.drop();
});

test('texts are kept by all that decides them', () => {
  const request = { ids: [1, 2], stopIds: [0], context: 'a', until: ['\n'], maxTokens: 4, temperature: 0 };
  const store = AnswerStore.open(folder, IDENTITY);
  store.keepText(request, 'a "text"\n');
  store.close();
  const next = AnswerStore.open(folder, IDENTITY);
  expect(next.text(request)).toBe('a "text"\n');
  for (const other of [{ maxTokens: 5 }, { until: ['.'] }, { stopIds: [0, 2] }]) expect(next.text({ ...request, ...other })).toBeUndefined();
  next.close();
});

test('a text ends at whichever of the ids that end one comes first, and is asked again where others end it', async () => {
  const model = tinyModel();
  const codec: TextCodec = {
    ...{ bosId: undefined, eosId: undefined, before: [] },
    encode: (text) => text.split(' ').map(Number),
    decode: (ids) => Array.from(ids, (id) => `${id} `).join(''),
  };
  const requests = [{ kind: 'generate', context: '3 1 4 1 5', until: [], maxTokens: 8, temperature: 0 }] as const;
  const example = { id: 0, place: {}, document: {}, target: '', choices: undefined, gold: [], requests };
  const written = async (tokenizer: TextCodec): Promise<[string, number]> => {
    const store = AnswerStore.open(folder, IDENTITY);
    const { answers, known } = await answerAll(model, [{ example, greedy: false }], { tokenizer, store });
    store.close();
    return [String(answers[0]!.answers[0]), known];
  };
  const [whole] = await written(codec);
  const ids = codec.encode(whole.trim());
  expect(ids).toHaveLength(8);
  const end = ids.findIndex((id) => id !== ids[0]);
  const stops = { ...codec, eosId: VOCABULARY, stopIds: [VOCABULARY, ids[end]!] };
  expect(await written(stops)).toEqual([codec.decode(ids.slice(0, end)), 0]);
  expect(await written(stops)).toEqual([codec.decode(ids.slice(0, end)), 1]);
  model.drop();
});
