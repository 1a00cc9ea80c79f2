/** Which layers should go? Two configurations of LayerCHOP beside the model they come from, on text that none of them has seen. */
import { compose, layerChop } from '@chop/chop';

const chop = await compose();
const base = await chop.open('embedded');
const models = { base };
for (const configuration of ['max-gap', 'output']) models[configuration] = await chop.apply(base, await chop.plan(base, layerChop({ keep: 6, configuration })));

const scores = await chop.evaluate(models, {
  perplexity: { data: ['embedded:valid'], window: 128, windows: 8 },
  latency: { context: 32, tokens: 8, runs: 2 },
});
for (const [name, { parameters, perplexity, latency }] of Object.entries(scores))
  console.log(
    `${name.padEnd(8)} ${(parameters / 1e6).toFixed(2)} M parameters, perplexity ${perplexity.value.toFixed(1)}, ${perplexity.bitsPerByte.toFixed(3)} bits per byte, ${latency.decode.tokensPerSecond.toFixed(0)} tokens/s`,
  );
await base.close();
