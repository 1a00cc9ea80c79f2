import { openCheckpoint } from '@chop/formats';
import { startEngine } from '@chop/kernels';
import { llama } from '@chop/models';

/** A folder's model on the native engine. */
export async function model(folder) {
  await startEngine({ engine: 'tensorflow' });
  const checkpoint = await openCheckpoint(folder);
  const opened = llama.family.model(llama.family.blueprint(checkpoint.config));
  await opened.load(checkpoint);
  await checkpoint.close();
  return opened;
}
