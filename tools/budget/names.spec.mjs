import { expect, test } from '@jest/globals';
import { emptyNames } from './names.mjs';
import { source } from './sources.mjs';

test.each(['libs/core/src/utils.ts', 'libs/core/src/helpers/axis.ts', 'libs/core/src/tensor-utils.spec.ts', 'libs/common/src/index.ts'])(
  '%s says nothing',
  (path) => {
    expect(emptyNames([source(path, '')]).findings).toHaveLength(1);
  },
);

test.each(['libs/core/src/axis.ts', 'libs/core/src/type-table.ts', 'libs/eval/src/common-prefix.ts'])('%s says what it is', (path) => {
  expect(emptyNames([source(path, '')]).findings).toEqual([]);
});
