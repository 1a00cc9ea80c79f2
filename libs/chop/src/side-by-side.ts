import { checkOptions, type Model, type Parts } from '@chop/core';
import { compareLatency, type LatencyComparison, latencyOptions } from '@chop/eval';
import { type Engine, holdPacked } from '@chop/kernels';
import { forwardMemory } from '@chop/training';
import { checkMemory, withinMemory } from './memory-limit.js';
import { type ModelSource, openModel, type OpenModel } from './opened.js';
import type { Common } from './request.js';

/** Models timed side by side, and the most memory that the engine has held in this process so far. */
export type SideBySide<Name extends string> = LatencyComparison<Name> & { readonly peakBytes: number };

/**
 * Times models in turns; all are in memory at once.
 *
 * @param models - by name; the first is the base of the speed-ups.
 * @param options - those of the evaluator `latency`.
 */
export async function timeSideBySide<Name extends string>(
  parts: Parts,
  models: Readonly<Record<Name, ModelSource>>,
  options: unknown,
  { engine, ...request }: Omit<Common, 'engine'> & { readonly engine: Engine },
): Promise<SideBySide<Name>> {
  const { memoryLimit: limit, onMessage, signal, onProgress } = request;
  const checked = checkOptions(latencyOptions, options, 'latency');
  const named: OpenModel[] = [];
  const loaded: Partial<Record<Name, Model>> = {};
  const packed: (() => void)[] = [];
  const open = async (source: ModelSource): Promise<OpenModel> => {
    if (typeof source !== 'string') return source;
    const opened = await openModel(parts, source, request);
    named.push(opened);
    return opened;
  };
  try {
    const opened: [Name, OpenModel][] = [];
    for (const [name, source] of Object.entries<ModelSource>(models)) opened.push([name as Name, await open(source)]);
    const window = Math.max(...checked.context);
    const setting = { batchSize: Math.max(...checked.batch), window };
    const forecasts = opened.map(([, { blueprint }]) => forwardMemory(blueprint, setting, { native: engine.native !== undefined }).total);
    checkMemory({ total: forecasts.reduce((sum, bytes) => sum + bytes, 0) }, { limit, savings: setting, onMessage });
    for (const [name, each] of opened) {
      const model = await each.load(signal);
      loaded[name] = model;
      packed.push(holdPacked(model.linears));
    }
    const told = { ...(signal ? { signal } : {}), onProgress: (done: number, total: number) => onProgress?.({ phase: 'latency', done, total }) };
    const compared = await withinMemory({ limit, savings: setting }, () => compareLatency(loaded as Record<Name, Model>, checked, told));
    return { ...compared, peakBytes: engine.memory().peakBytes };
  } finally {
    for (const release of packed) release();
    for (const model of Object.values<Model | undefined>(loaded)) model?.drop();
    for (const opened of named) await opened.close();
  }
}
