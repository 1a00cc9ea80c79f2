/** The facts of a made-up run, as the quick start would give them. */
export function quickStart() {
  const { title, created, nextCommand, ...run } = quickStartRun();
  return { title, created, nextCommand, runs: [{ name: title, ...run }] };
}

function quickStartRun() {
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
    cuts: [{ name: 'layer-chop', plan: 'layer 8 → 4 · 3.9 M → 2.4 M parameters', layers: { total: 8, kept: [0, 2, 5, 7] } }],
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
  const { nextCommand, created, title: _, ...facts } = quickStartRun();
  const [before, cut, recovered] = facts.variants;
  const points = Array.from({ length: 20_000 }, (_, index) => ({
    step: index + 1,
    tokens: (index + 1) * 2048,
    seconds: index + 1,
    loss: 2.9 + 6.5 * (index + 1) ** -0.32 + 0.12 * Math.sin(index * 12.9898) * Math.sin(index * 3.1),
  }));
  const at = [1e6, 5e6, 1e7, 2e7, 3e7, 4e7];
  const run = {
    ...facts,
    name: 'smollm2-half-the-layers-and-wanda-compared',
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
    cuts: [
      {
        name: 'layer-chop',
        plan: 'layer 30 → 15 · 134.5 M → 81.4 M parameters',
        layers: { total: 30, kept: Array.from({ length: 15 }, (_, index) => Math.round((index * 29) / 14)) },
      },
    ],
  };
  return { title: run.name, created, nextCommand, runs: [run] };
}

/** Five runs of one model: a base, layers dropped, recovered, masked, narrowed, each on six tasks; with pairs of answers. */
export function comparison() {
  const { machine, versions, recipe, variants } = quickStartRun();
  const common = { model: 'hf:HuggingFaceTB/SmolLM2-135M', machine, versions, recipe, evaluations: [], outputs: [], seeds: { run: 0 } };
  const tasks = ['piqa', 'hellaswag', 'openbookqa', 'winogrande', 'sciq', 'arc_easy'];
  const scores = (...accuracies) =>
    accuracies.map((value, index) => ({
      name: tasks[index],
      metric: ['piqa', 'hellaswag', 'openbookqa', 'arc_easy'].includes(tasks[index]) ? 'acc_norm' : 'acc',
      value,
      stderr: Math.sqrt((value * (1 - value)) / 99),
      n: 100,
    }));
  const base = { ...variants[0], sample: undefined, parameters: 134_515_008, bytes: 269_060_552, layers: 30, trainingTokens: 0, seconds: 0 };
  const half = { ...base, parameters: 81_414_720, bytes: 162_850_000, layers: 15, decodeTokensPerSecond: 320 };
  const curve = (from, to, speed) => ({
    name: 'training loss',
    points: Array.from({ length: 600 }, (_, index) => ({
      step: index + 1,
      tokens: (index + 1) * 4096,
      seconds: (index + 1) * speed,
      loss: to + (from - to) * Math.exp(-index / 80) + 0.12 * Math.sin(index * 12.9898 + from) * Math.sin(index * 3.1),
    })),
  });
  const kept = (total, share, seed) =>
    Array.from({ length: total }, (_, index) => index).filter(
      (index) => Math.abs(Math.sin((index + 1) * (seed + 1.7) * 12.9898)) * (0.6 + 0.4 * Math.sin(index / 190 + seed / 3)) > 0.62 - share / 2,
    );
  const layers = Array.from({ length: 30 }, (_, index) => index);
  const matrices = {
    'self_attn.q_proj': [576, 576],
    'self_attn.k_proj': [192, 576],
    'self_attn.v_proj': [192, 576],
    'self_attn.o_proj': [576, 576],
    'mlp.gate_proj': [1536, 576],
    'mlp.up_proj': [1536, 576],
    'mlp.down_proj': [576, 1536],
  };
  const flips = Array.from({ length: 23 }, (_, index) => ({
    id: 7 + 4 * index,
    question: ['How do you open a jar?', 'What do plants need in order to make sugar out of water and air, as they do in every leaf that stands in the sun?'][
      index % 2
    ],
    gold: ['Twist the lid.', 'light'][index % 2],
    first: ['Twist the lid.', 'sand'][index % 2],
    second: ['Hit it with a <spoon>.', 'light'][index % 2],
    right: index % 2 === 0 ? 'first' : 'second',
  }));
  return {
    title: 'five ways to half a model',
    created: '2026-11-24T10:25:31.000Z',
    nextCommand: 'npx chop report runs/* -o report.html',
    runs: [
      {
        ...common,
        name: 'layer-chop',
        seconds: 5400,
        variants: [
          { ...base, name: 'SmolLM2-135M', perplexity: 21.3, bitsPerByte: 0.98, tasks: scores(0.68, 0.43, 0.32, 0.53, 0.84, 0.61) },
          { ...half, name: 'layer-chop: cut', perplexity: 10_240, bitsPerByte: 3.01, seconds: 2, tasks: scores(0.53, 0.27, 0.25, 0.49, 0.24, 0.27) },
          {
            ...half,
            name: 'layer-chop: recovered',
            perplexity: 41.2,
            bitsPerByte: 1.18,
            seconds: 5200,
            trainingTokens: 2_457_600,
            tasks: scores(0.61, 0.33, 0.28, 0.51, 0.71, 0.46),
          },
        ],
        curves: [curve(7, 3.2, 8)],
        evaluations: [5e5, 1e6, 2e6].map((tokens) => ({ name: 'perplexity', tokens, value: 38 + 9e6 / tokens })),
        cuts: [
          { name: 'layer-chop', plan: 'layer 30 → 15 · 134.5 M → 81.4 M parameters', layers: { total: 30, kept: layers.filter((layer) => layer % 2 === 0) } },
        ],
      },
      {
        ...common,
        name: 'wanda-2:4',
        seconds: 210,
        variants: [
          {
            ...base,
            name: 'wanda-2:4',
            perplexity: 77.3,
            bitsPerByte: 1.42,
            decodeTokensPerSecond: 181,
            seconds: 96,
            tasks: scores(0.58, 0.31, 0.26, 0.52, 0.66, 0.41),
          },
        ],
        curves: [],
        cuts: [
          {
            name: 'wanda',
            plan: '210 weights masked, 50.0 % of their elements kept',
            masks: layers.flatMap((layer) =>
              Object.entries(matrices).map(([name, [rows, columns]]) => ({
                weight: `model.layers.${layer}.${name}.weight`,
                kept: Math.round(rows * columns * (name.includes('down') ? 0.5 + layer / 100 : 0.5)),
                total: rows * columns,
              })),
            ),
          },
        ],
      },
      {
        ...common,
        name: 'dim-chop',
        seconds: 6100,
        variants: [
          {
            ...half,
            name: 'dim-chop',
            layers: 30,
            parameters: 84_000_000,
            bytes: 168_000_000,
            perplexity: 48.9,
            bitsPerByte: 1.24,
            decodeTokensPerSecond: 240,
            seconds: 6000,
            trainingTokens: 2_457_600,
            tasks: scores(0.59, 0.32, 0.27, 0.5, 0.69, 0.44),
          },
        ],
        curves: [curve(4.4, 3.35, 10)],
        evaluations: [5e5, 1e6, 2e6].map((tokens) => ({ name: 'perplexity', tokens, value: 45 + 6e6 / tokens })),
        cuts: [
          {
            name: 'dim-chop',
            plan: 'width 576 → 480 · ffn 1536 → 826 in 30 layers',
            axes: [
              { axis: 'width', total: 576, kept: kept(576, 0.83, 5) },
              ...layers.map((at) => ({ axis: 'head', at, total: 9, kept: [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((head) => (head + at) % 3 !== 1) })),
              ...layers.map((at) => ({ axis: 'ffn', at, total: 1536, kept: kept(1536, 0.55, at) })),
            ],
          },
        ],
      },
      {
        ...common,
        name: 'distilled',
        seconds: 9000,
        seeds: { run: 1 },
        variants: [
          {
            ...half,
            name: 'distilled',
            perplexity: 37.9,
            bitsPerByte: 1.13,
            decodeTokensPerSecond: 322,
            seconds: 8800,
            trainingTokens: 2_457_600,
            tasks: scores(0.63, 0.34, 0.29, 0.52, 0.74, 0.49),
          },
        ],
        curves: [curve(7, 3.0, 14)],
        cuts: [],
      },
    ],
    comparisons: [
      {
        first: 'SmolLM2-135M',
        second: 'layer-chop: recovered',
        task: 'piqa',
        metric: 'acc_norm',
        n: 100,
        difference: -0.07,
        interval: [-0.15, 0.01],
        confidence: 0.95,
        p: 0.143,
        onlyFirst: 15,
        onlySecond: 8,
        examplesNeeded: 367,
        flips,
      },
      {
        first: 'layer-chop: recovered',
        second: 'distilled',
        task: 'sciq',
        metric: 'acc',
        n: 100,
        difference: 0.03,
        interval: [-0.02, 0.08],
        confidence: 0.95,
        p: 0.508,
        onlyFirst: 2,
        onlySecond: 5,
        examplesNeeded: 611,
        flips: flips.slice(0, 7),
      },
      {
        first: 'SmolLM2-135M',
        second: 'wanda-2:4',
        task: 'arc_easy',
        metric: 'acc_norm',
        n: 100,
        difference: -0.2,
        interval: [-0.29, -0.11],
        confidence: 0.95,
        p: 0.00004,
        onlyFirst: 24,
        onlySecond: 4,
        examplesNeeded: 51,
        flips: [],
      },
    ],
  };
}
