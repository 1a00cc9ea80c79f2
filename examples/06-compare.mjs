/** Which layers should go? Two configurations of LayerCHOP beside the model they come from, on text that none of them has seen. */
import { compose } from '@chop/chop';

const chop = await compose();
const models = ['embedded'];
for (const configuration of ['max-gap', 'output']) {
  const { out } = await chop.prune('layer-chop', 'embedded', { set: { keep: 6, configuration }, out: `runs/examples/keep-6-${configuration}`, force: true });
  models.push(out);
}

for (const model of models) {
  const { parameters, perplexity, latency } = await chop.evaluate(model, {
    perplexity: { data: ['embedded:valid'], window: 128, windows: 8 },
    latency: { prompt: 32, tokens: 8, runs: 2 },
  });
  console.log(
    `${model.padEnd(32)} ${(parameters / 1e6).toFixed(2)} M parameters, perplexity ${perplexity.value.toFixed(1)}, ${perplexity.bitsPerByte.toFixed(3)} bits per byte, ${latency.decode.tokensPerSecond.toFixed(0)} tokens/s`,
  );
}
