/** chop's names of precisions → those of transformers.js. */
const DTYPES = { f32: 'fp32', f16: 'fp16', q8: 'q8', q4: 'q4', q4f16: 'q4f16' };

/** A folder in transformers.js: its config, the graph of a precision, and the cache as `generate` carries it. */
export async function open({ AutoModelForCausalLM, DynamicCache, Tensor, env }, model, { dtype, threads }) {
  env.allowRemoteModels = false;
  const loaded = await AutoModelForCausalLM.from_pretrained(model, {
    dtype: DTYPES[dtype],
    device: 'cpu',
    local_files_only: true,
    session_options: { logSeverityLevel: 3, intraOpNumThreads: threads },
  });
  const whole = (values) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
  let past;
  let length = 0;
  return async (ids) => {
    length += ids.length;
    const outputs = await loaded.forward({ input_ids: whole(ids), attention_mask: whole(new Array(length).fill(1)), past_key_values: past });
    const presents = Object.entries(outputs).filter(([name]) => name.startsWith('present'));
    const entries = Object.fromEntries(presents.map(([name, tensor]) => [name.replace('present', 'past_key_values'), tensor]));
    past = DynamicCache ? new DynamicCache(entries) : entries;
    return Float32Array.from(outputs.logits.data);
  };
}
