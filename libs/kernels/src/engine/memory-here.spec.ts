import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { totalmem, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { filePages, memoryHere } from './memory-here.js';

let root: string;

beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'chop-memory-'))));
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const STATISTICS = 'anon 500\nfile 3000\nkernel 7\ninactive_file 1000\nactive_file 200\nworkingset_refault_file 9\n';

describe('pages of files that count towards the limit of a control group', () => {
  test('version 2: of its own group', () => {
    write('proc/self/cgroup', '0::/user.slice/job\n');
    write('sys/fs/cgroup/memory.stat', 'inactive_file 5\nactive_file 5\n');
    write('sys/fs/cgroup/user.slice/job/memory.stat', STATISTICS);
    expect(filePages(root)).toBe(1200);
  });

  test('version 1: of the tree of memory, and of the group alone without those below it', () => {
    write('proc/self/cgroup', '11:cpu,cpuacct:/six\n7:memory:/six\n1:name=systemd:/\n');
    write('sys/fs/cgroup/memory/six/memory.stat', `${STATISTICS}total_inactive_file 99999\n`);
    expect(filePages(root)).toBe(1200);
  });

  test('in a container that sees its own group as the root', () => {
    write('proc/self/cgroup', '0::/docker/0123\n');
    write('sys/fs/cgroup/memory.stat', STATISTICS);
    expect(filePages(root)).toBe(1200);
  });

  test('none where nothing is told', () => {
    expect(filePages(root)).toBe(0);
    write('proc/self/cgroup', '0::/\n');
    expect(filePages(root)).toBe(0);
  });
});

test('no more is free than there is, and no more is there than the machine has', () => {
  const { total, free } = memoryHere();
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThanOrEqual(totalmem());
  expect(free).toBeGreaterThan(0);
  expect(free).toBeLessThanOrEqual(total);
});
