import { readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { DataError } from '@chop/core';

/** One word of DATA: `corpus/*.jsonl.gz#body=3`. */
export interface DataSource {
  readonly pattern: string;
  /** The field of a record that holds the text; `text` unless said. */
  readonly field?: string;
  /** Missing where none was given. */
  readonly weight?: number;
}

/** A file that lies here when it is asked for. */
export type DataFile = () => Promise<string>;

/** The files of a data set of the hub: `hf:org/name[@revision][:config][/split]`. */
export type HubData = (name: string) => Promise<readonly DataFile[]>;

const PLAIN_KINDS = ['.txt', '.jsonl', '.json'] as const;
const KINDS = [...PLAIN_KINDS, '.parquet', ...PLAIN_KINDS.flatMap((kind) => [`${kind}.gz`, `${kind}.zst`])];
const SUPPORTED = `a file or glob of ${PLAIN_KINDS.join(', ')} (each also .gz or .zst), .parquet, or hf:org/dataset[:config][/split]`;
const HUB = 'hf:';

/**
 * Reads `FILE-OR-GLOB[#field][=weight]`.
 * @throws {@link DataError} `DATA_WEIGHT` for a weight that is no positive number.
 */
export function parseSource(word: string): DataSource {
  const [, pattern = '', field, weight] = /^(.*?)(?:#([^=#/]+))?(?:=([-+]?[\d.]+(?:e[-+]?\d+)?))?$/s.exec(word) ?? [];
  if (weight !== undefined && !(Number(weight) > 0 && Number(weight) < Infinity)) {
    throw new DataError('DATA_WEIGHT', {
      found: `the weight ${JSON.stringify(weight)} in ${word}`,
      expected: 'FILE=WEIGHT with a positive number',
      remedy: `Write ${pattern}=2, say, or leave the weight out.`,
    });
  }
  return { pattern, ...(field === undefined ? {} : { field }), ...(weight === undefined ? {} : { weight: Number(weight) }) };
}

/**
 * The files of a name or a glob (`*`, `**`, `?`, `[abc]`, `{a,b}`), sorted by name, or of a data set of the hub.
 * @throws {@link DataError} `DATA_MISSING` no such file, `DATA_KIND` a kind that is not read.
 */
export async function dataFiles(pattern: string, hub?: HubData): Promise<readonly DataFile[]> {
  if (pattern.startsWith(HUB) && hub) return hub(pattern);
  return (await localFiles(pattern)).map((file) => () => Promise.resolve(file));
}

async function localFiles(pattern: string): Promise<string[]> {
  if (/^[a-z]+:/.test(pattern) && !/^[a-z]:[\\/]/i.test(pattern)) {
    throw new DataError('DATA_KIND', { found: pattern, expected: SUPPORTED, remedy: 'Download the data set and give its files.' });
  }
  const status = await stat(pattern).catch((cause: unknown) => {
    // A glob is no name of a file, and may be longer than one.
    if (!['ELOOP', 'EACCES', 'EPERM', 'EIO'].includes((cause as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw new DataError('DATA_BROKEN', {
      file: pattern,
      found: `a file that cannot be looked at (${(cause as Error).message})`,
      expected: 'a readable file',
      remedy: 'Look at what stands there, its links and its permissions.',
      cause,
    });
  });
  if (status?.isDirectory())
    throw new DataError('DATA_KIND', { file: pattern, found: 'a folder', expected: SUPPORTED, remedy: `Give a glob: '${join(pattern, '*.jsonl')}'.` });
  const found = status ? [pattern] : /[*?[{]/.test(pattern) ? await matches(pattern) : [];
  if (found.length === 0)
    throw new DataError('DATA_MISSING', { found: `no file ${pattern}`, expected: SUPPORTED, remedy: 'Check the path; put a glob into quotation marks.' });
  const strange = found.find((file) => !KINDS.some((kind) => file.endsWith(kind)));
  if (strange !== undefined)
    throw new DataError('DATA_KIND', {
      file: strange,
      found: 'a file of a kind that is not read',
      expected: KINDS.join(', '),
      remedy: /\.parquet\.(gz|zst)$/.test(strange) ? 'Unpack it: parquet is packed within.' : 'Convert it to .jsonl.',
    });
  return found;
}

/** Walks the folders from the last one that the glob names in full. */
async function matches(pattern: string): Promise<string[]> {
  const parts = pattern.split(/[\\/]/);
  const fixed = parts.slice(
    0,
    parts.findIndex((part) => /[*?[{]/.test(part)),
  );
  const root = fixed.join(sep) || (pattern.startsWith('/') ? '/' : '.');
  const deep = parts.includes('**') || parts.length - fixed.length > 1;
  const expression = globExpression(parts.slice(fixed.length).join('/'));
  const entries = await readdir(root, { withFileTypes: true, recursive: deep }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const below = (file: string): string => (root === '.' ? file : file.slice(join(root, 'x').length - 1)).replaceAll(sep, '/');
  return files.filter((file) => expression.test(below(file))).sort();
}

function globExpression(glob: string): RegExp {
  const source = glob.replace(/\*\*\/|\*|\?|\[[!^]?[^\]]+\]|\{[^}]*\}|[\\^$.+()|[\]{}]/g, (part) => {
    if (part === '**/') return '(?:[^/]+/)*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.startsWith('{') && part.length > 1)
      return `(?:${part
        .slice(1, -1)
        .split(',')
        .map((one) => globExpression(one).source.slice(1, -1))
        .join('|')})`;
    if (part.startsWith('[') && part.length > 1) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}
