/**
 * `node tools/conformance.mjs`: runs the kernels on every engine that is here against what PyTorch says of them, and writes the table kernel × engine into
 * docs/kernels.md, between its two marks; what was measured on a GPU elsewhere (`tools/reference/measured-gpu.json`) stands beside it. What else a kernel is held to is read off its spec. Without a GPU, `VK_ICD_FILENAMES` may name SwiftShader's driver:
 * else the table has no column for WebGPU.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './child.mjs';
import { ROOT } from './workspace.mjs';

const PAGE = join(ROOT, 'docs/kernels.md');
const [FROM, TO] = ['<!-- table -->', '<!-- end of table -->'];

/** Specs that hold several kernels, or have another name than theirs. */
const SPECS = {
  ...{ adamw: 'optimizer-steps', lion: 'optimizer-steps', tokenLogProbabilities: 'cross-entropy', geglu: 'gelu' },
  ...{ magnitude: 'importance', columnSums: 'importance', rowSums: 'importance', keepNofM: 'select', keepShare: 'select', join: 'part' },
  packedGatedLinear: 'packed-linear',
};

/** Kernels whose results are sums over all rows. */
const OVER_ROWS = ['globalNorm', 'inputNorms', 'columnSums'];

/** What the numbers of an engine leave out. */
const EXCUSED = { webgpu: 'webgpu (without NaN, ∞)', 'webgpu on an H200': 'webgpu on an H200 (without NaN, ∞)' };

const scratch = mkdtempSync(join(tmpdir(), 'chop-conformance-'));
const file = join(scratch, 'measured.json');
const code = await run([createRequire(import.meta.url).resolve('jest/bin/jest'), '--projects', 'libs/kernels', '--testPathPatterns', 'pytorch'], {
  cwd: ROOT,
  env: { ...process.env, CHOP_CONFORMANCE: file, NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' },
});
if (!existsSync(file)) throw new Error('The spec libs/kernels/test/pytorch.spec.ts has measured nothing.');
const here = JSON.parse(readFileSync(file, 'utf8'));
const elsewhere = JSON.parse(readFileSync(join(ROOT, 'tools/reference/measured-gpu.json'), 'utf8'));
const [backends, measured] = [
  [...here.backends, ...elsewhere.backends],
  [...here.measured, ...elsewhere.measured],
];
rmSync(scratch, { recursive: true });

const page = readFileSync(PAGE, 'utf8');
const [before, after] = [page.slice(0, page.indexOf(FROM) + FROM.length), page.slice(page.indexOf(TO))];
writeFileSync(
  PAGE,
  `${before}\n\nLargest difference from PyTorch ${here.torch} (float64), of results · of gradients, as a share of the largest value:\n\n${table()}\n\n${after}`,
);
process.exitCode = code;

function table() {
  const kernels = [...new Set(measured.map(({ kernel }) => kernel))];
  const rows = kernels.map((kernel) => [kernel, ...backends.map((backend) => worst(kernel, backend)), ...held(kernel)]);
  const head = ['kernel', ...backends.map((backend) => EXCUSED[backend] ?? backend), 'gradient by differences', 'NaN, ∞', 'rows alone = rows together'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function worst(kernel, backend) {
  const own = measured.filter((one) => one.kernel === kernel && one.backend === backend);
  if (own.length === 0) return 'not run';
  const most = (key) => own.map((one) => one[key]).filter((value) => value !== undefined && value !== null);
  const told = (values) => (values.length === 0 ? '–' : Math.max(...values) === 0 ? '0' : Math.max(...values).toExponential(0));
  return `${told(most('results'))} · ${told(most('gradients'))}`;
}

/** What the kernel's own spec, and those of all kernels, try beside its numbers. */
function held(kernel) {
  const name = SPECS[kernel] ?? kernel.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const own = readFileSync(join(ROOT, `libs/kernels/src/${name}.spec.ts`), 'utf8');
  const together = readFileSync(join(ROOT, 'libs/kernels/test/alone.spec.ts'), 'utf8');
  const poisoned = measured.some((one) => one.kernel === kernel && typeof one.gradients === 'number');
  const tried = [
    /gradients: /.test(own),
    poisoned || /NaN|Infinity/.test(own),
    /changedAlone|the same bits/.test(own) || together.includes(`['${kernel}'`) || together.includes(`'${kernel}',`),
  ];
  const told = tried.map((yes) => (yes ? 'yes' : '–'));
  return OVER_ROWS.includes(kernel) ? told.with(-1, 'one sum') : told;
}
