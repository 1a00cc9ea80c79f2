import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from './crc32.js';
import type { Wheel } from '../src/engine/wheel.js';

/** A zip file with stored entries, whatever their names. */
export function zip(entries: Readonly<Record<string, string>>): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(entries)) {
    const [path, data] = [Buffer.from(name), Buffer.from(text)];
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt32LE(crc32(data), 14);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(path.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(20, 4);
    local.copy(central, 6, 4, 30);
    central.writeUInt32LE(offset, 42);
    bodies.push(local, path, data);
    directory.push(central, path);
    offset += local.length + path.length + data.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(entries).length, 8);
  end.writeUInt16LE(Object.keys(entries).length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, listing, end]);
}

/** The parts of a wheel that an engine needs, a few bytes each, and one that it does not. */
export const TINY_WHEEL = zip({
  'tensorflow/libtensorflow_cc.so.2': 'library',
  'tensorflow/libtensorflow_framework.so.2': 'framework',
  'tensorflow/include/tensorflow/c/c_api.h': 'header',
  'tensorflow/THIRD_PARTY_NOTICES.txt': 'notices',
  'tensorflow/python/big.py': 'not needed',
});

/** The pin of some bytes. */
export function pinOf(bytes: Buffer, file = 'tensorflow_cpu-2.18.0-tiny.whl'): Wheel {
  return {
    ...{ project: 'tensorflow-cpu', version: '2.18.0', file, fileBytes: bytes.length, platform: 'any', diskBytes: 1000 },
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** A local HTTP server for as long as `use` runs, and what was asked of it. */
export async function withServer<T>(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  use: (origin: string, requests: IncomingMessage[]) => Promise<T>,
): Promise<T> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Answers as a simple package index (PEP 691) that serves some bytes, with ranges, under the pinned name. */
export function indexOf(wheel: Wheel, bytes: Buffer, { html = false } = {}): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    if (request.url === `/simple/${wheel.project}/`) {
      const body = html
        ? `<html><a href="../../files/other.whl">other.whl</a><br><a data-x="1" href="../../files/${wheel.file}#sha256=${wheel.sha256}">${wheel.file}</a></html>`
        : JSON.stringify({ files: [{ filename: wheel.file, url: `../../files/${wheel.file}`, hashes: { sha256: wheel.sha256 } }] });
      response.setHeader('content-type', html ? 'text/html' : 'application/vnd.pypi.simple.v1+json').end(body);
    } else if (request.url === `/files/${wheel.file}`) {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (from > 0) response.writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
      response.end(bytes.subarray(from));
    } else {
      response.writeHead(404).end();
    }
  };
}
