import { describe, expect, test } from '@jest/globals';
import { compose } from './compose.js';
import { checkMemory, engineOptions, limitBytes, withinMemory } from './memory-limit.js';

describe('a memory limit', () => {
  test.each([
    ['4GB', 4e9],
    ['800 MB', 8e8],
    ['1.5g', 1.5e9],
    ['4096', 4096],
    [2e9, 2e9],
  ])('of %s is %s bytes', (given, bytes) => expect(limitBytes(given)).toBe(bytes));

  test.each(['4XB', '', '-1GB', '0', 'much'])('of %j is refused', (given) => {
    expect(() => limitBytes(given)).toThrow(expect.objectContaining({ code: 'OPTION_VALUE' }));
  });

  test('is told beforehand, and refuses what would need more, with what would help', () => {
    const told: string[] = [];
    const onMessage = (line: string): void => void told.push(line);
    checkMemory({ total: 2.9e9 }, { limit: '3GB', savings: {}, onMessage });
    expect(told).toEqual([expect.stringMatching(/^will need about 2\.9 GB; \d+\.\d GB free$/)]);
    const savings = { batchSize: 8, window: 512, checkpointBlocks: false };
    expect(() => checkMemory({ total: 2.9e9 }, { limit: 1e9, savings })).toThrow(
      expect.objectContaining({
        code: 'MEMORY_LIMIT',
        exitCode: 2,
        message:
          'found work that will need about 2.9 GB, expected at most 1.0 GB (the memory limit). ' +
          'Try a smaller --batch-size (now 8) or a smaller --window (now 512) or --checkpoint-blocks, or raise --memory-limit.',
      }),
    );
    expect(() => checkMemory({ total: 2.9e9 }, { limit: 1e9, savings: {} })).toThrow(/Use a smaller model/);
  });

  test('is told once, however often a method asks for the engine', async () => {
    const chop = await compose();
    const told: string[] = [];
    const onMessage = (line: string): void => void told.push(line);
    await chop.plan('embedded', chop.method('wanda'), { data: ['embedded'], samples: 2, window: 16, memoryLimit: '64GB', onMessage });
    expect(told.filter((line) => line.startsWith('will need'))).toHaveLength(1);
  });

  test('leaves the engine what the program does not take', () => {
    expect(engineOptions({ memoryLimit: '4GB', threads: 2 })).toEqual({ threads: 2, memoryLimitBytes: 3.7e9 });
    expect(engineOptions({})).toEqual({});
  });

  test("the engine's own refusal becomes an error that says what to do, and others stay as they are", async () => {
    const oom = new Error('Invalid TF_Status: 3\nMessage: ChopLinear: OOM when allocating tensor with shape[4,256] and type float');
    await expect(withinMemory({ limit: '4GB', savings: { batchSize: 8 } }, () => Promise.reject(oom))).rejects.toMatchObject({
      code: 'MEMORY_EXHAUSTED',
      message: expect.stringContaining('ChopLinear: OOM when allocating tensor with shape[4,256]') as unknown,
      facts: { expected: 'to stay within 4.0 GB (the memory limit)', remedy: 'Try a smaller --batch-size (now 8), or raise --memory-limit.' },
    });
    const other = new Error('other');
    await expect(withinMemory({ savings: {} }, () => Promise.reject(other))).rejects.toBe(other);
    await expect(withinMemory({ savings: {} }, async () => 3)).resolves.toBe(3);
  });
});
