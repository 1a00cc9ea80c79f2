import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The commit that all its branches are at. */
export const COMMIT = 'c0ffee'.padEnd(40, '0');

/** A hub of one repository, as small as its interface allows. */
export class Hub {
  readonly files = new Map<string, Buffer>();
  readonly requests: string[] = [];
  /** Answers instead of the hub when it returns true. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly #api: string;
  readonly #resolve: string;
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));

  constructor(kind: 'model' | 'dataset', id: string) {
    this.#api = `/api/${kind}s/${id}`;
    this.#resolve = `${kind === 'model' ? '' : '/datasets'}/${id}/resolve/${COMMIT}/`;
  }

  async start(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  large(name: string): boolean {
    return /\.(safetensors|parquet)$/.test(name);
  }

  hash(name: string): string {
    const content = this.files.get(name)!;
    return this.large(name)
      ? createHash('sha256').update(content).digest('hex')
      : createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(new URL(request.url!, 'http://hub').pathname);
    this.requests.push(`${path}${request.headers.range && !path.startsWith('/api') ? ` ${request.headers.range}` : ''}`);
    if (this.intercept(request, response)) return;
    const json = (status: number, value: unknown): unknown => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
    if (path.startsWith(`${this.#api}/revision/`) && /^(main|v1|refs\/convert\/parquet|c0ffee0+)$/.test(path.slice(this.#api.length + 10)))
      json(200, { _id: '1', id: this.#api, sha: COMMIT, lastModified: '2026-01-01T00:00:00Z' });
    else if (path === `${this.#api}/tree/${COMMIT}`)
      json(200, [
        { type: 'directory', size: 0, path: 'onnx', oid: '0'.repeat(40) },
        ...[...this.files].map(([name, { length }]) => ({
          type: 'file',
          path: name,
          size: length,
          ...(this.large(name) ? { oid: '1'.repeat(40), lfs: { oid: this.hash(name), size: length, pointerSize: 130 } } : { oid: this.hash(name) }),
        })),
      ]);
    else if (path.startsWith(this.#resolve)) this.#content(this.files.get(path.slice(this.#resolve.length)), request, response);
    else json(404, { error: 'Repository not found' });
  }

  #content(content: Buffer | undefined, request: IncomingMessage, response: ServerResponse): void {
    if (!content) return void response.writeHead(404, { 'X-Error-Code': 'EntryNotFound' }).end();
    const [, from = '0', to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const part = content.subarray(Number(from), to ? Number(to) + 1 : undefined);
    response
      .writeHead(request.headers.range ? 206 : 200, {
        ETag: '"x"',
        'Content-Length': part.length,
        'Content-Range': `bytes ${from}-${Number(from) + part.length - 1}/${content.length}`,
      })
      .end(part);
  }
}
