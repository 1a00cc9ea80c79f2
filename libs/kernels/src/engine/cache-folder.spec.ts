import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { cacheFolder } from './cache-folder.js';

test.each([
  ['CHOP_HOME before everything', { CHOP_HOME: '/a/b', XDG_CACHE_HOME: '/x', HOME: '/h' }, '/a/b'],
  ['a relative CHOP_HOME from the working folder', { CHOP_HOME: 'mine', HOME: '/h' }, join(process.cwd(), 'mine')],
  ['XDG_CACHE_HOME before HOME', { XDG_CACHE_HOME: '/x', HOME: '/h' }, '/x/chop'],
  ['a relative XDG_CACHE_HOME ignored', { XDG_CACHE_HOME: 'x', HOME: '/h' }, '/h/.cache/chop'],
  ['HOME', { HOME: '/h' }, '/h/.cache/chop'],
  ['empty variables as if they were not set', { CHOP_HOME: '', XDG_CACHE_HOME: '', HOME: '/h' }, '/h/.cache/chop'],
  ["the account's home where HOME is empty", { HOME: '' }, join(userInfo().homedir, '.cache', 'chop')],
])('the cache folder takes %s', (_, environment, expected) => {
  expect(cacheFolder(environment)).toBe(expected);
});
