/** Tokens of the cache: what reads more than a probe opens the model itself. */
const CONTEXT_TOKENS = 256;

/** A GGUF file in llama.cpp on the processor, keys and values cached in float32: by default they are rounded to float16. */
export async function open({ getLlama, LlamaLogLevel }, model, { threads }) {
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: threads });
  const loaded = await llama.loadModel({ modelPath: model, gpuLayers: 0 });
  const context = await loaded.createContext({
    contextSize: CONTEXT_TOKENS,
    threads,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
  });
  const sequence = context.getSequence();
  return async (ids) => {
    const outputs = await sequence.controlledEvaluate(ids.map((id) => [id, { generateNext: { logits: true } }]));
    const vocab = outputs[0].next.logits.size;
    const logits = new Float32Array(ids.length * vocab);
    outputs.forEach(({ next }, at) => {
      for (const [token, logit] of next.logits) logits[at * vocab + token] = logit;
    });
    return logits;
  };
}
