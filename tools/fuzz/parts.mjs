/** The parts of the library that the targets share. Deep paths: not all readers are public. */
import { compose } from '@chop/chop';

export { openModel } from '../../libs/chop/dist/opened.js';
export { resolveRecipe } from '../../libs/chop/dist/resolve.js';
export const composed = await compose();
