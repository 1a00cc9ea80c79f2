/**
 * node examples/browser/serve.mjs FOLDER [--dtype q4] [--prompt TEXT] [--screenshot FILE]: serves a model that `chop export --format onnx` wrote to a
 * page that runs it with transformers.js (`chop engine install --runtime transformers.js`); everything comes from this machine. With --screenshot it
 * opens the page in Chromium without a window, waits for the text, takes a picture, prints the text and ends.
 */
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findRuntime } from '@chop/chop';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dtype: { type: 'string', default: 'q4' },
    prompt: { type: 'string', default: 'The river' },
    screenshot: { type: 'string' },
    port: { type: 'string', default: '0' },
  },
});
const runtime = findRuntime('transformers.js');
if (!runtime) throw new Error('No transformers.js: chop engine install --runtime transformers.js');
const modules = dirname(dirname(runtime.folder));

/** What stands behind each first part of a path. */
const FOLDERS = { model: positionals[0], transformers: runtime.folder, onnxruntime: join(modules, 'onnxruntime-web') };
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };

const server = createServer(async ({ url }, answer) => {
  const [, first, ...rest] = decodeURIComponent(new URL(url, 'http://localhost').pathname).split('/');
  const root = await realpath(FOLDERS[first] ?? dirname(fileURLToPath(import.meta.url)));
  const file = await realpath(join(root, ...(FOLDERS[first] ? rest : [first || 'index.html']))).catch(() => undefined);
  if (!file?.startsWith(root + sep) || !(await stat(file)).isFile()) return answer.writeHead(404).end();
  // Both headers together let WebAssembly have threads.
  const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
  answer.writeHead(200, { ...headers, 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Content-Length': (await stat(file)).size });
  createReadStream(file).pipe(answer);
});
await new Promise((resolve) => server.listen(Number(values.port), '127.0.0.1', resolve));
const page = `http://localhost:${server.address().port}/?${new URLSearchParams({ dtype: values.dtype, prompt: values.prompt })}`;
console.log(page);

if (values.screenshot !== undefined) {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    const tab = await browser.newPage({ viewport: { width: 900, height: 500 } });
    tab.on('console', (message) => message.type() === 'error' && console.error(message.text()));
    await tab.goto(page);
    await tab.waitForSelector('body[data-done]', { timeout: 300_000 });
    await tab.screenshot({ path: values.screenshot });
    console.log(await tab.textContent('#facts'));
    console.log(await tab.textContent('#text'));
    process.exitCode = (await tab.getAttribute('body', 'data-done')) === 'yes' ? 0 : 1;
  } finally {
    await browser.close();
    server.close();
  }
}
