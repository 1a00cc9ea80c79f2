import { createHash } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '@chop/core';
import * as tf from '@tensorflow/tfjs-core';
import type { TokenRequest } from './pass-plan.js';
import type { Score } from './score.js';

/** Of the answers' meaning and of the file: raised whenever one of them changes. */
export const ANSWERS_VERSION = 1;

/** Whose answers a file keeps. Of two identities that differ in anything, neither reads the other's. */
export interface AnswersIdentity {
  /** Tells these weights and this config from all others. */
  readonly weights: string;
  /** What computes: engine, version, kernels, instruction set. */
  readonly engine: string;
  /** {@link probeOf} the model. */
  readonly probe: string;
}

/** A text that a model wrote is asked for by all that decides it. */
export interface WrittenRequest {
  readonly ids: readonly number[];
  /** Ids that end it. */
  readonly stopIds: readonly number[];
  readonly context: string;
  readonly until: readonly string[];
  readonly maxTokens: number;
  readonly temperature: number;
}

/** Tokens of a probe: enough that every weight matrix has its say. */
const PROBE_TOKENS = 24;
/** Characters of a request's name: 128 bits. */
const KEY_LENGTH = 22;
/** Characters of the model's name in a file's. */
const NAME_LENGTH = 32;

type Line = readonly [key: string, logLikelihood: number, greedy?: 0 | 1] | readonly [key: string, text: string];

/**
 * What a model has answered before: an append-only file per model in a folder, one line an answer, written as soon as it is there. A line that a
 * killed process has torn does not count; what another version has written is left alone, and a file of its own begun beside it. The files may be
 * deleted at any time.
 */
export class AnswerStore {
  readonly file: string;
  readonly #handle: number;
  readonly #scores = new Map<string, Score>();
  readonly #texts = new Map<string, string>();
  /** What ends a torn line before the next one begins. */
  #before: string;

  private constructor(file: string, handle: number) {
    this.file = file;
    this.#handle = handle;
    const text = readFileSync(file, 'utf8');
    this.#before = text.endsWith('\n') ? '' : '\n';
    for (const line of text.split('\n').slice(1)) this.#read(line);
  }

  /**
   * Opens the file of a model, or begins one.
   * @throws what the system says of a folder that cannot be written.
   */
  static open(folder: string, identity: AnswersIdentity): AnswerStore {
    const header = `${JSON.stringify({ answers: ANSWERS_VERSION, ...identity })}\n`;
    const name = createHash('sha256').update(identity.weights).digest('hex').slice(0, NAME_LENGTH);
    mkdirSync(folder, { recursive: true });
    for (let number = 1; ; number++) {
      const file = join(folder, `${name}${number === 1 ? '' : `.${number}`}.jsonl`);
      const handle = openSync(file, 'a+');
      if (fstatSync(handle).size === 0) writeSync(handle, header);
      if (beginsWith(handle, header)) return new AnswerStore(file, handle);
      closeSync(handle);
    }
  }

  score({ input, targets, greedy }: TokenRequest): Score | undefined {
    const score = this.#scores.get(scoreKey(input, targets));
    return score === undefined || (greedy && score.greedy === undefined) ? undefined : score;
  }

  keepScore({ input, targets }: TokenRequest, { logLikelihood, greedy }: Score): void {
    const key = scoreKey(input, targets);
    this.#append(greedy === undefined ? [key, logLikelihood] : [key, logLikelihood, greedy ? 1 : 0]);
  }

  text(request: WrittenRequest): string | undefined {
    return this.#texts.get(textKey(request));
  }

  keepText(request: WrittenRequest, text: string): void {
    this.#append([textKey(request), text]);
  }

  close(): void {
    closeSync(this.#handle);
  }

  #append(line: Line): void {
    // JSON has no infinities: such an answer is computed again.
    if (typeof line[1] === 'number' && !Number.isFinite(line[1])) return;
    writeSync(this.#handle, `${this.#before}${JSON.stringify(line)}\n`);
    this.#before = '';
  }

  #read(text: string): void {
    const line = parsed(text);
    if (!Array.isArray(line)) return;
    const [key, answer, greedy] = line as unknown as Line;
    if (typeof answer === 'string') this.#texts.set(key, answer);
    else if (typeof answer === 'number') this.#scores.set(key, { logLikelihood: answer, ...(greedy === undefined ? {} : { greedy: greedy === 1 }) });
  }
}

/**
 * What a model makes of a few tokens, to the last bit: it tells apart programs, plugins and processors that compute something else from the same weights.
 * Long contexts are not looked at; for a change that concerns only those, {@link ANSWERS_VERSION} is there.
 */
export async function probeOf(model: Model): Promise<string> {
  const ids = Int32Array.from({ length: PROBE_TOKENS }, (_, at) => (at * at + 1) % model.blueprint.axes.size('vocab'));
  const logits = tf.tidy(() => model.forward(tf.tensor2d(ids, [1, PROBE_TOKENS], 'int32'), { wanted: { from: PROBE_TOKENS - 1, to: PROBE_TOKENS } }));
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex')
    .slice(0, NAME_LENGTH);
}

function beginsWith(handle: number, header: string): boolean {
  const bytes = Buffer.alloc(Buffer.byteLength(header));
  readSync(handle, bytes, 0, bytes.length, 0);
  return bytes.toString() === header;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function scoreKey(input: readonly number[], targets: readonly number[]): string {
  return keyOf([input, targets]);
}

function textKey({ ids, stopIds, context, until, maxTokens, temperature }: WrittenRequest): string {
  return keyOf([ids, stopIds, context, until, maxTokens, temperature]);
}

function keyOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, KEY_LENGTH);
}
