import type { LoaderVerdict } from '@chop/chop';
import { printable } from './paint.js';

/** Who will take the result, and why others will not. */
export function loadersText(loaders: readonly LoaderVerdict[]): string[] {
  const taken = loaders.filter(({ loads }) => loads).map(({ loader }) => loader);
  return [
    `loads in  ${taken.join(', ') || 'none of the programs that chop writes for'}`,
    ...loaders.flatMap(({ loader, why, note }) =>
      why !== undefined ? [`not in ${loader}  ${printable(why)}`] : note !== undefined ? [`${loader}  ${note}`] : [],
    ),
  ];
}

/** Why some will not take what was written; nothing where all do. */
export function refusalsText(loaders: readonly LoaderVerdict[]): string[] {
  return loaders.flatMap(({ loader, why }) => (why === undefined ? [] : [`not in ${loader}  ${printable(why)}`]));
}
