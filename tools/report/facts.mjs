/** The facts of a made-up run, as the quick start would give them; the longer one has what a real model's run has more of. */
export function quickStart() {
  const noise = (index) => Math.sin(index * 12.9898) * 0.5 + Math.sin(index * 78.233) * 0.5;
  const points = Array.from({ length: 73 }, (_, index) => ({
    step: index + 1,
    tokens: (index + 1) * 4096,
    seconds: (index + 1) * 1.1,
    loss: 3.62 + 1.9 * Math.exp(-index / 9) + 0.1 * noise(index),
  }));
  return {
    title: 'quick-start',
    model: 'embedded',
    created: '2026-11-24T10:25:31.000Z',
    seconds: 141.3,
    variants: [
      {
        name: 'before',
        parameters: 3_937_728,
        bytes: 7_878_728,
        layers: 8,
        perplexity: 34.21,
        bitsPerByte: 1.412,
        prefillTokensPerSecond: 9120,
        decodeTokensPerSecond: 181.4,
        sample: {
          prompt: 'The city is known for its',
          text: ' architecture, and is home to several of the oldest churches in the region. It was founded in the 12th century.',
        },
      },
      {
        name: 'cut',
        parameters: 2_362_368,
        bytes: 4_726_920,
        layers: 4,
        perplexity: 611.8,
        bitsPerByte: 2.564,
        prefillTokensPerSecond: 16480,
        decodeTokensPerSecond: 322.7,
        sample: { prompt: 'The city is known for its', text: ' the the of of in, , in the of and\n<script>alert(1)</script> the the "of" & of' },
      },
      {
        name: 'recovered',
        parameters: 2_362_368,
        bytes: 4_726_920,
        layers: 4,
        perplexity: 48.9,
        bitsPerByte: 1.556,
        prefillTokensPerSecond: 16390,
        decodeTokensPerSecond: 320.1,
        sample: { prompt: 'The city is known for its', text: ' history and the first of the city was built in 1832. The population of the town is 1,211.' },
      },
    ],
    curves: [{ name: 'training loss', points }],
    evaluations: [
      { name: 'perplexity', tokens: 102_400, value: 66.1 },
      { name: 'perplexity', tokens: 204_800, value: 52.4 },
      { name: 'perplexity', tokens: 299_008, value: 48.3 },
    ],
    plan: 'layer 8 → 4 · 3.9 M → 2.4 M parameters',
    keptLayers: { total: 8, kept: [0, 2, 5, 7] },
    recipe: [
      'name: quick-start',
      'model: embedded',
      'data:',
      '  train: [embedded]',
      '  valid: ["embedded:valid"]',
      'seed: 0',
      'steps:',
      '  - evaluate: { name: before, perplexity: valid, window: 256, stride: 256, windows: 60, bos: false, latency: { prompt: 128, tokens: 32, runs: 3 } }',
      '  - prune: { layer-chop: { keep: 4, configuration: max-gap } }',
      '  - evaluate: { name: cut, perplexity: valid, window: 256, windows: 60 }',
      '  - train: { tokens: 300000, batchSize: 16, window: 256, lr: 0.001, warmupSteps: 4, evalEvery: 100000, valid: valid }',
      '  - evaluate: { name: recovered, perplexity: valid, window: 256, windows: 60 }',
      '  - export: { format: hf, dtype: f16 }',
      '  - report',
      '',
    ].join('\n'),
    machine: { cpu: 'AMD EPYC 7B13', cores: 2, threads: 2, memoryBytes: 8_322_371_584, engine: 'tensorflow (2.18.0)', node: 'v20.20.2', platform: 'linux x64' },
    seeds: { run: 0 },
    versions: { '@chop/models': '0.1.0', '@chop/layer-chop': '0.1.0', '@chop/eval': '0.1.0', '@chop/training': '0.1.0' },
    outputs: [
      { label: 'prune', path: 'models/2-cut' },
      { label: 'train', path: 'models/4-recovered' },
      { label: 'export', path: 'models/6-export' },
    ],
    nextCommand: 'npx chop run recipes/quick-start.yaml --model hf:HuggingFaceTB/SmolLM2-135M --out runs/mine',
  };
}

/** A larger model: 30 layers, 5 variants of which some lack numbers, 20,000 steps over four decades of tokens, two scores on the way. */
export function large() {
  const facts = quickStart();
  const [before, cut, recovered] = facts.variants;
  const points = Array.from({ length: 20_000 }, (_, index) => ({
    step: index + 1,
    tokens: (index + 1) * 2048,
    seconds: index + 1,
    loss: 2.9 + 6.5 * (index + 1) ** -0.32 + 0.12 * Math.sin(index * 12.9898) * Math.sin(index * 3.1),
  }));
  const at = [1e6, 5e6, 1e7, 2e7, 3e7, 4e7];
  return {
    ...facts,
    title: 'smollm2-half-the-layers-and-wanda-compared',
    model: 'hf:HuggingFaceTB/SmolLM2-135M-Instruct@main',
    seconds: 41_233,
    variants: [
      { ...before, parameters: 134_515_008, bytes: 269_060_552, layers: 30, perplexity: 21.3, bitsPerByte: 0.98 },
      {
        ...cut,
        parameters: 81_414_720,
        bytes: 162_850_000,
        layers: 15,
        perplexity: 10_240.7,
        bitsPerByte: 3.01,
        note: 'Generates the same word again and again.',
      },
      {
        ...before,
        name: 'wanda 2:4',
        parameters: 134_515_008,
        layers: 30,
        bytes: 269_060_552,
        perplexity: 77.3,
        bitsPerByte: Number.NaN,
        decodeTokensPerSecond: undefined,
        sample: undefined,
      },
      {
        ...recovered,
        name: 'recovered',
        parameters: 81_414_720,
        layers: 15,
        bytes: 162_850_000,
        perplexity: 31.9,
        bitsPerByte: 1.11,
        prefillTokensPerSecond: undefined,
      },
    ],
    curves: [{ name: 'training loss', points }],
    evaluations: at.flatMap((tokens) => [
      { name: 'perplexity', tokens, value: 28 + 900 / tokens ** 0.3 },
      { name: 'accuracy', tokens, value: 0.55 - 3 / tokens ** 0.25 },
    ]),
    plan: 'layer 30 → 15 · 134.5 M → 81.4 M parameters',
    keptLayers: { total: 30, kept: Array.from({ length: 15 }, (_, index) => Math.round((index * 29) / 14)) },
  };
}
