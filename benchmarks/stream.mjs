// node benchmarks/stream.mjs [GB]: LayerCHOP from checkpoint to checkpoint on a synthetic Llama, against `cp` of as many bytes.
// Prints peak memory and time of both, alternating; the files are removed at the end.
import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { saveFolder } from '@chop/formats';
import { llama } from '@chop/models';

const gigabytes = Number(process.argv[2] ?? 4);
const chop = fileURLToPath(new URL('../apps/cli/bin/chop.js', import.meta.url));
const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 32000,
  hidden_size: 2048,
  intermediate_size: 5632,
  num_attention_heads: 32,
  num_key_value_heads: 4,
  hidden_act: 'silu',
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: false,
  max_position_embeddings: 2048,
};
const layerBytes = 2 * (2048 * (2 * 2048 + 2 * 256) + 3 * 2048 * 5632);
config.num_hidden_layers = 2 * Math.round((gigabytes * 1e9) / layerBytes / 2);

const folder = mkdtempSync(join(tmpdir(), 'chop-stream-'));
try {
  const whole = join(folder, 'whole');
  const noise = new Uint8Array(4 << 20).map(() => Math.random() * 256);
  const tensors = [...llama.family.blueprint(config).weights.values()].map(({ name, shape }) => ({
    name,
    shape,
    dtype: 'BF16',
    async *pieces() {
      let left = 2 * shape.reduce((product, size) => product * size, 1);
      for (; left > 0; left -= noise.length) yield noise.subarray(0, Math.min(left, noise.length));
    },
  }));
  const { bytes } = await saveFolder(whole, { config, tensors, companions: new Map() });
  console.log(`${cpus()[0].model}, ${cpus().length} cores; ${config.num_hidden_layers} layers, ${(bytes / 1e9).toFixed(2)} GB`);
  const ratios = [];
  for (let run = 0; run < 3; run++) {
    const out = join(folder, `half-${run}`);
    const ours = timed(process.execPath, [chop, 'prune', 'layer-chop', whole, '--set', `keep=${config.num_hidden_layers / 2}`, '--out', out, '--json']);
    const kept = statSync(join(out, 'model.safetensors')).size;
    const copy = join(folder, `copy-${run}`);
    const theirs = timed('cp', [join(out, 'model.safetensors'), copy], () => sync(copy));
    ratios.push(ours.seconds / theirs.seconds);
    console.log(
      `chop ${ours.seconds.toFixed(2)} s, peak ${(ours.peak / 1e6).toFixed(0)} MB · cp and sync of the ${(kept / 1e9).toFixed(2)} GB kept ${theirs.seconds.toFixed(2)} s · ratio ${ratios.at(-1).toFixed(2)}`,
    );
    rmSync(out, { recursive: true });
    rmSync(copy);
  }
  console.log(`median ratio ${ratios.sort((a, b) => a - b)[1].toFixed(2)}`);
} finally {
  rmSync(folder, { recursive: true });
}

/** Wall time and peak resident memory of one command. */
function timed(command, args, after = () => {}) {
  const started = performance.now();
  const { status, stderr } = spawnSync('/usr/bin/time', ['-f', 'PEAK %M', command, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  after();
  return { seconds: (performance.now() - started) / 1000, peak: 1024 * Number(/PEAK (\d+)/.exec(stderr)[1]) };
}

function sync(file) {
  const descriptor = openSync(file, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
