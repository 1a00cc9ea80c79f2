import { EngineError } from '@chop/core';
import type { Wheel } from './wheel.js';

/** What may differ between an index and its files: where it is and how one logs in. */
export interface Address {
  /** Without user and password. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** PEP 691 (JSON) where the server has it, else PEP 503 (HTML). */
const ACCEPT = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';

/** Splits the user and the password off a URL: they travel in a header and stay out of messages. */
export function addressOf(text: string): Address {
  const url = new URL(text);
  const headers: Record<string, string> =
    url.username === '' && url.password === ''
      ? {}
      : { authorization: `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}` };
  url.username = '';
  url.password = '';
  return { url: url.href, headers };
}

/**
 * Finds a pinned wheel on a simple package index.
 *
 * @param index - the root of the index, such as pip's `--index-url` takes.
 * @returns where the file is to be had; the login goes along only when it is on the index's own server.
 * @throws {@link EngineError} `ENGINE_NO_WHEEL` when the index has no such file, `ENGINE_HASH` when it has another
 * file of that name, `ENGINE_OFFLINE` when it cannot be reached, `ENGINE_DOWNLOAD` when it answers with an error.
 */
export async function findOnIndex(index: string, wheel: Wheel, signal?: AbortSignal): Promise<Address> {
  const root = addressOf(index);
  const page = `${root.url.replace(/\/+$/, '')}/${wheel.project}/`;
  const response = await request({ url: page, headers: { ...root.headers, accept: ACCEPT } }, signal);
  if (response.status === 404) throw noWheel(root.url, wheel);
  if (!response.ok) throw refused(page, response.status);
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  const text = await response.text();
  const found = isJson ? fromJson(text, wheel) : fromHtml(text, wheel);
  if (found === undefined) throw noWheel(root.url, wheel);
  if (found.sha256 !== undefined && found.sha256.toLowerCase() !== wheel.sha256) {
    throw new EngineError('ENGINE_HASH', {
      file: wheel.file,
      found: `sha256 ${found.sha256} on ${root.url}`,
      expected: wheel.sha256,
      remedy: 'The index holds another file under this name: name a trustworthy one with --index URL.',
    });
  }
  const file = addressOf(new URL(found.href, response.url || page).href);
  const own = new URL(file.url).origin === new URL(root.url).origin ? root.headers : {};
  return { url: file.url.split('#')[0] ?? file.url, headers: { ...own, ...file.headers } };
}

/**
 * One HTTP request.
 *
 * @throws {@link EngineError} `ENGINE_OFFLINE` when there is no answer.
 */
export async function request({ url, headers }: Address, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { headers, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw offline(url, error);
  }
}

/** No answer, or one that broke off. */
export function offline(url: string, error: unknown): EngineError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const why = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(cause);
  return new EngineError('ENGINE_OFFLINE', {
    found: `no connection to ${new URL(url).origin} (${why})`,
    remedy: 'Connect and type the same again, or give the wheel: `chop engine install --index FILE`.',
    cause: error,
  });
}

/** An HTTP status that is an error. */
export function refused(url: string, status: number): EngineError {
  return new EngineError('ENGINE_DOWNLOAD', {
    found: `HTTP status ${status} from ${url}`,
    remedy:
      status === 401 || status === 403
        ? 'Put the login into the URL: --index https://USER:PASSWORD@….'
        : 'Try again later, or name another index with --index URL.',
  });
}

interface Found {
  readonly href: string;
  readonly sha256: string | undefined;
}

function fromJson(text: string, wheel: Wheel): Found | undefined {
  const { files } = JSON.parse(text) as { files?: readonly { filename: string; url: string; hashes?: { sha256?: string } }[] };
  const file = files?.find(({ filename }) => filename === wheel.file);
  return file && { href: file.url, sha256: file.hashes?.sha256 };
}

function fromHtml(text: string, wheel: Wheel): Found | undefined {
  for (const [, raw] of text.matchAll(/<a\b[^>]*?\bhref\s*=\s*["']([^"']+)["']/gi)) {
    const href = (raw ?? '').replaceAll('&amp;', '&');
    const [path = '', fragment = ''] = href.split('#');
    if (decodeURIComponent(path.split('?')[0]?.split('/').at(-1) ?? '') !== wheel.file) continue;
    return { href, sha256: /(?:^|&)sha256=([0-9a-f]{64})/i.exec(fragment)?.[1] };
  }
  return undefined;
}

function noWheel(index: string, wheel: Wheel): EngineError {
  return new EngineError('ENGINE_NO_WHEEL', {
    found: `no ${wheel.file} on ${index}`,
    remedy: 'Name another index with --index URL, or the wheel itself with --index FILE.',
  });
}
