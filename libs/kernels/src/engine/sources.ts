import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '@chop/core';
import { findPips, type Pip } from './pip.js';
import { pipSettings } from './pip-config.js';
import type { Wheel } from './wheel.js';

/** One place where the wheel may be had, and who named it. */
export type Source =
  | { readonly kind: 'file'; readonly file: string; readonly from: string }
  | { readonly kind: 'index'; readonly url: string; readonly from: string }
  | { readonly kind: 'pip'; readonly pip: Pip; readonly index?: string; readonly from: string };

/**
 * The places to try, in order: what `index` names, and nothing else where it is given; else the index of
 * `PIP_INDEX_URL`, `UV_INDEX_URL` or pip's settings over HTTP, a wheel in `PIP_FIND_LINKS` or pip's `find-links`, then
 * `pip download` and `uv`. Node.js' HTTP takes no proxy, so behind one an index is left to pip.
 *
 * @param index - a URL of a simple index, a wheel, or a folder that holds it.
 * @throws {@link EngineError} `ENGINE_NO_SOURCE` when there is none; `ENGINE_NO_WHEEL` when `index` is a path without it.
 */
export async function wheelSources(wheel: Wheel, index: string | undefined, environment: NodeJS.ProcessEnv): Promise<readonly Source[]> {
  const pips = await findPips(environment);
  const found = index === undefined ? await configuredSources(wheel, pips, environment) : await namedSource(wheel, index, pips, environment);
  if (found.length > 0) return found;
  throw new EngineError('ENGINE_NO_SOURCE', {
    found: 'no package index in --index, PIP_INDEX_URL or the settings of pip, and neither pip nor uv on PATH',
    expected: `a place that has ${wheel.file}`,
    remedy:
      `Name a simple package index (\`chop engine install --index URL\`, or PIP_INDEX_URL), or get the file of that name ` +
      `(package ${wheel.project}, version ${wheel.version}) and give it: \`chop engine install --index FILE\`.`,
  });
}

async function namedSource(wheel: Wheel, index: string, pips: readonly Pip[], environment: NodeJS.ProcessEnv): Promise<readonly Source[]> {
  if (/^https?:\/\//.test(index)) return overHttp(index, '--index', pips, environment);
  const path = index.startsWith('file:') ? fileURLToPath(index) : resolve(index);
  const file = await wheelAt(path, wheel);
  if (file !== undefined) return [{ kind: 'file', file, from: '--index' }];
  throw new EngineError('ENGINE_NO_WHEEL', {
    file: path,
    found: 'no wheel here',
    expected: wheel.file,
    remedy: 'Give the file of that name, its folder, or the URL of a simple index.',
  });
}

async function configuredSources(wheel: Wheel, pips: readonly Pip[], environment: NodeJS.ProcessEnv): Promise<readonly Source[]> {
  const settings = await pipSettings(environment);
  const sources: Source[] = [];
  if (settings.indexUrl !== undefined) sources.push(...overHttp(settings.indexUrl, settings.indexFrom ?? 'pip', [], environment));
  for (const place of settings.findLinks) {
    const file = /^https?:\/\//.test(place) ? undefined : await wheelAt(place.startsWith('file:') ? fileURLToPath(place) : resolve(place), wheel);
    if (file !== undefined) sources.push({ kind: 'file', file, from: 'find-links' });
  }
  return [...sources, ...pips.map((pip) => ({ kind: 'pip' as const, pip, from: pip.name }))];
}

/** An index over HTTP, then (or, behind a proxy, only) by a pip that is told to use it. */
function overHttp(url: string, from: string, pips: readonly Pip[], environment: NodeJS.ProcessEnv): readonly Source[] {
  if (!/^https?:\/\//.test(url)) return [];
  const byPip = pips.map((pip) => ({ kind: 'pip' as const, pip, index: url, from }));
  return hasProxy(url, environment) ? byPip : [{ kind: 'index', url, from }, ...byPip];
}

function hasProxy(url: string, environment: NodeJS.ProcessEnv): boolean {
  const { protocol, hostname } = new URL(url);
  const value = (name: string) => environment[name] || environment[name.toLowerCase()];
  const proxy = (protocol === 'https:' ? value('HTTPS_PROXY') : environment['http_proxy']) || value('ALL_PROXY');
  const direct = (value('NO_PROXY') ?? '').split(',').map((host) => host.trim().replace(/^\*?\./, ''));
  return Boolean(proxy) && !direct.some((host) => host === '*' || (host !== '' && (hostname === host || hostname.endsWith(`.${host}`))));
}

async function wheelAt(path: string, wheel: Wheel): Promise<string | undefined> {
  const here = await stat(path).catch(() => undefined);
  // A file stands for its folder too: an engine may be made of several wheels.
  const named = join(here?.isDirectory() ? path : dirname(path), wheel.file);
  if (await isFile(named)) return named;
  return here?.isFile() ? path : undefined;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
