// node run-onnx.mjs PACKAGES MODEL.onnx '[[ids], [ids], …]': reads the pieces one after the other, and prints the logits of each.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, file, pieces] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4])];
const { InferenceSession, Tensor } = createRequire(join(packages, 'package.json'))('onnxruntime-node');
const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
const whole = (values) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
const empty = ({ type, shape }) => new Tensor(type, type === 'float16' ? new Uint16Array(0) : new Float32Array(0), [1, shape[1], 0, shape[3]]);
let past = Object.fromEntries(session.inputMetadata.filter(({ name }) => name.startsWith('past_')).map((input) => [input.name, empty(input)]));
const logits = [];
let length = 0;
for (const ids of pieces) {
  const positions = ids.map((_, i) => length + i);
  length += ids.length;
  const outputs = await session.run({ input_ids: whole(ids), attention_mask: whole(new Array(length).fill(1)), position_ids: whole(positions), ...past });
  past = Object.fromEntries(Object.keys(past).map((name) => [name, outputs[name.replace('past_key_values', 'present')]]));
  logits.push([...outputs.logits.data]);
}
process.stdout.write(JSON.stringify(logits));
