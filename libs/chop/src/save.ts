import { byteLength, type Checkpoint, CHUNK_BYTES, type Dtype, elementCount, OutputError, turnMatrices } from '@chop/core';
import { saveFolder, type TensorSource } from '@chop/formats';
import { modelCard } from './card.js';
import { checkExport } from './export-options.js';
import { LINEAGE_FILE, type Lineage } from './lineage.js';
import { loadersOf, type LoaderVerdict, readersOf } from './loaders.js';
import type { OpenModel } from './opened.js';
import { type GgufDtype, saveGguf } from './save-gguf.js';
import { type OnnxDtype, saveOnnx } from './save-onnx.js';
import { packedForm } from './save-packed.js';
import { FLOAT_DTYPES, storedTensor } from './stored-tensor.js';
import type { FloatName, WrittenResult } from './verbs.js';
import { type Verified, verifyInRuntime, type VerifyRequest, type Written } from './verify.js';
import { verifyFolder } from './verify-folder.js';

/** Companions that tell of the step that wrote them, and not of what is made from its model. */
const OF_ONE_STEP = ['training.jsonl', 'plan.json', 'cut.json'];

/** How a model is saved. */
export interface SaveRequest extends VerifyRequest {
  /** `hf`: a Hugging Face folder, which is the default; `packed`: such a folder for chop alone, 2:4 weights as values and indices; `gguf`: one file for llama.cpp; `onnx`: a folder for ONNX Runtime and transformers.js. */
  readonly format?: string;
  /** Stored dtype; by default as it is. GGUF and ONNX files may have their matrices in blocks. */
  readonly dtype?: FloatName | GgufDtype | OnnxDtype;
  /** Replace a model folder that is there already. */
  readonly force?: boolean;
}

/**
 * Writes an open model as a folder or as one file, streamed; what is there already is refused without `force`. Before it gets its name it is opened
 * again by what it is for, and its logits are compared.
 *
 * @param from - the user's project, where runtimes are looked for.
 * @throws {@link UsageError} `FORMAT_UNKNOWN`, `DTYPE_UNKNOWN`, `RUNTIME_FORMAT`, and what the format throws that cannot hold the model.
 */
export async function saveModel(opened: OpenModel, out: string, { format = 'hf', dtype, ...request }: SaveRequest, from?: string): Promise<WrittenResult> {
  checkExport({ format, dtype, runtime: request.runtime });
  const lineage = await opened.lineage();
  let verify: Verified | undefined;
  const told = (written: WrittenResult, verify: Verified | undefined): WrittenResult => ({
    ...written,
    loaders: loadersOf(opened, format),
    ...(verify ? { verify } : {}),
  });
  const inRuntime = async (written: Omit<Written, 'file'>): Promise<void> => {
    verify = await verifyInRuntime(opened, { ...written, file: out }, request, from);
  };
  if (format === 'gguf') {
    const stored = (dtype ?? ggufDtype(opened.dtype)) as GgufDtype;
    const check = (path: string): Promise<void> => inRuntime({ path, format, dtype: stored });
    return told(await saveGguf(opened, out, { ...request, lineage, dtype: stored, check }), verify);
  }
  if (format === 'onnx') {
    const stored = (dtype ?? 'f32') as OnnxDtype;
    const check = (path: string, graph: string): Promise<void> => inRuntime({ path, graph, format, dtype: stored });
    return told(await saveOnnx(opened, out, { ...request, lineage, dtype: stored, check }), verify);
  }
  const float = dtype as FloatName | undefined;
  const other = float && FLOAT_DTYPES[float];
  const isOther = other !== undefined && other !== opened.dtype;
  const stored = turnMatrices(opened.blueprint, opened.checkpoint);
  const form = format === 'packed' ? await packedForm(opened, stored, { ...request, dtype: other }) : undefined;
  const written = await writeFolder(stored, out, {
    ...request,
    dtype: other,
    lineage: isOther ? { ...lineage, made: [...lineage.made, `Stored as ${float}.`] } : lineage,
    beside: opened.beside,
    loaders: loadersOf(opened, format),
    ...(form ? { form } : {}),
    check: async (path, tensors) => void (verify = await verifyFolder(opened, { path, file: out, tensors }, request)),
  });
  return told(written, verify);
}

/** What a GGUF file stores a model of that dtype as. */
const ggufDtype = (dtype: Dtype): GgufDtype => (dtype === 'F16' || dtype === 'BF16' ? (dtype.toLowerCase() as GgufDtype) : 'f32');

/** The dtype of that name; that of the model when none is named. */
export function dtypeOf(opened: OpenModel, name: FloatName | undefined): Dtype {
  return name === undefined ? opened.dtype : FLOAT_DTYPES[name];
}

interface FolderRequest extends Pick<SaveRequest, 'force' | 'signal' | 'onProgress'> {
  readonly dtype?: Dtype | undefined;
  readonly lineage: Lineage;
  readonly beside: Checkpoint['companions'];
  readonly loaders: readonly LoaderVerdict[];
  /** The tensors in another form than the checkpoint's. */
  readonly form?: FolderForm;
  /** Looks at the folder before it gets its name, beside what was to be written. */
  readonly check?: (temporary: string, tensors: readonly TensorSource[]) => Promise<void>;
}

/** What a folder has in the place of a checkpoint's config and tensors. */
export interface FolderForm {
  readonly config: Checkpoint['config'];
  readonly tensors: readonly TensorSource[];
  /** The checkpoint's tensors as they are read back. */
  readonly readBack: readonly TensorSource[];
}

/** Writes a checkpoint, in the form in which it is stored, as a Hugging Face folder. */
export async function writeFolder(
  checkpoint: Checkpoint,
  out: string,
  { force, dtype, lineage, beside, loaders, form, check, signal, onProgress }: FolderRequest,
): Promise<WrittenResult> {
  if (out === '') throw new OutputError('OUTPUT_MISSING', { found: 'no output folder', expected: 'a folder to be made', remedy: 'Give --out DIR.' });
  const started = performance.now();
  const parameters = [...checkpoint.tensors.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const companions = new Map([
    ...[...checkpoint.companions].filter(([name]) => !OF_ONE_STEP.includes(name)),
    ...beside,
    [LINEAGE_FILE, async () => new TextEncoder().encode(`${JSON.stringify(lineage, undefined, 1)}\n`)] as const,
  ]);
  const tensors = form?.readBack ?? [...checkpoint.tensors.values()].map((info) => storedTensor(checkpoint, info.name, dtype ?? info.dtype));
  const saved = await saveFolder(
    out,
    {
      config: form?.config ?? checkpoint.config,
      tensors: form?.tensors ?? tensors,
      companions,
      card: modelCard(lineage, parameters, readersOf('hf', loaders)),
      parameters,
    },
    {
      ...(force ? { force } : {}),
      ...(signal ? { signal } : {}),
      ...(check ? { check: (temporary: string) => check(temporary, tensors) } : {}),
      onProgress: ({ bytes, totalBytes }) => onProgress?.({ phase: 'write', done: bytes, total: totalBytes }),
    },
  );
  return { out: saved.folder, parameters: saved.parameters, bytes: saved.bytes, files: saved.files, seconds: (performance.now() - started) / 1000 };
}

/** A checkpoint in memory, each tensor as it would be stored in `dtype`: what `writeFolder` would write. */
export async function inMemory(checkpoint: Checkpoint, dtype: Dtype): Promise<Checkpoint> {
  const stored = new Map<string, Uint8Array>();
  const tensors = new Map([...checkpoint.tensors.values()].map(({ name, shape }) => [name, { name, shape, dtype }]));
  for (const [name, info] of tensors) {
    const bytes = new Uint8Array(byteLength(info));
    let offset = 0;
    for await (const piece of storedTensor(checkpoint, name, dtype).pieces()) {
      bytes.set(piece, offset);
      offset += piece.byteLength;
    }
    stored.set(name, bytes);
  }
  return {
    source: checkpoint.source,
    config: checkpoint.config,
    companions: checkpoint.companions,
    tensors,
    async *stream(name, from = 0, to) {
      const bytes = stored.get(name)!.subarray(from, to);
      for (let start = 0; start < bytes.byteLength; start += CHUNK_BYTES) yield bytes.subarray(start, start + CHUNK_BYTES);
    },
    close: async () => stored.clear(),
  };
}
