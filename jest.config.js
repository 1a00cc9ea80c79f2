import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TEST_TIMEOUT } from './tools/jest/preset.js';
import { packageFolders, ROOT } from './tools/workspace.mjs';

/** One jest process for every package that has tests: its workers are warm when they meet the second package. */
export default {
  testTimeout: TEST_TIMEOUT,
  projects: [...packageFolders(), 'tools'].map((folder) => join(ROOT, folder)).filter((folder) => existsSync(join(folder, 'jest.config.js'))),
};
