/** A graph in ONNX Runtime, its cache of keys and values carried from piece to piece. */
export async function open({ InferenceSession, Tensor }, model, { threads }) {
  const session = await InferenceSession.create(model, { logSeverityLevel: 3, intraOpNumThreads: threads });
  const whole = (values) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
  const empty = ({ type, shape }) => new Tensor(type, type === 'float16' ? new Uint16Array(0) : new Float32Array(0), [1, shape[1], 0, shape[3]]);
  const caches = session.inputMetadata.filter(({ name }) => name.startsWith('past_key_values.'));
  let past = Object.fromEntries(caches.map((input) => [input.name, empty(input)]));
  let length = 0;
  return async (ids) => {
    const positions = ids.map((_, at) => length + at);
    length += ids.length;
    const outputs = await session.run({ input_ids: whole(ids), attention_mask: whole(new Array(length).fill(1)), position_ids: whole(positions), ...past });
    past = Object.fromEntries(Object.keys(past).map((name) => [name, outputs[name.replace('past_key_values', 'present')]]));
    return Float32Array.from(outputs.logits.data);
  };
}
