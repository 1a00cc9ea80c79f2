import { z } from 'zod';

/** A size in a config. */
export const count = z
  .number()
  .int()
  .min(1)
  .max(1 << 24);

/** Five times the deepest models in use: a config that lies about it would fill the memory with names of weights. */
const MAX_LAYERS = 1024;

/** A number of layers. */
export const layerCount = z.number().int().min(1).max(MAX_LAYERS);
