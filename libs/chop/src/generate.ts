import type { Model, Parts } from '@chop/core';
import { TextStream, type Tokenizer } from '@chop/data';
import { holdPacked } from '@chop/kernels';
import { generate as generateIds } from '@chop/models';
import { engineFor } from './evaluate.js';
import { type ModelSource, withModel } from './opened.js';
import type { GenerateRequest, GenerateResult } from './verbs.js';

/** Continues a text with a model. */
export async function generate(parts: Parts, source: ModelSource, prompt: string, request: GenerateRequest): Promise<GenerateResult> {
  return withModel(parts, source, request, async (opened) => {
    const tokenizer = await opened.tokenizer();
    await engineFor(request);
    const model = await opened.load(request.signal);
    const release = holdPacked(model.linears);
    try {
      return await continueText(model, tokenizer, prompt, request);
    } finally {
      release();
      model.drop();
    }
  });
}

/** Continues a text, or answers it as a chat; `onText` hears each piece as it comes. */
export async function continueText(
  model: Model,
  tokenizer: Tokenizer,
  prompt: string,
  { maxTokens = 24, temperature = 0, topK, topP, chat = false, seed, signal, onText }: GenerateRequest,
): Promise<GenerateResult> {
  const text = chat ? tokenizer.chat([{ role: 'user', content: prompt }], { addGenerationPrompt: true }) : prompt;
  const ids = tokenizer.encode(text, { addSpecialTokens: !chat });
  const stream = new TextStream(tokenizer);
  const written: number[] = [];
  const started = performance.now();
  const options = {
    maxTokens,
    temperature,
    stopIds: tokenizer.stopIds,
    ...(topK === undefined ? {} : { topK }),
    ...(topP === undefined ? {} : { topP }),
    ...(seed === undefined ? {} : { seed }),
    ...(signal ? { signal } : {}),
  };
  for await (const id of generateIds(model, ids, options)) {
    written.push(id);
    const piece = stream.push(id);
    if (piece !== '') onText?.(piece);
  }
  const rest = stream.end();
  if (rest !== '') onText?.(rest);
  const all = [...ids, ...written];
  return { text: tokenizer.decode(all), ids: all, tokensPerSecond: (1000 * written.length) / (performance.now() - started) };
}
