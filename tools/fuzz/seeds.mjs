/** Small good documents of every format: where mutations start. */
const byteLevel = (useRegex) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex });
const added = (id, content, special = true) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special });
const VOCABULARY = ['<s>', '</s>', '<unk>', 'a', 'b', 'c', 'Ġ', 'ab', 'Ġa', 'abc', '▁', '▁a', '##b', '<0x61>'];
const vocab = Object.fromEntries(VOCABULARY.map((token, id) => [token, id]));

const common = { version: '1.0', truncation: null, padding: null, added_tokens: [added(0, '<s>'), added(1, '</s>')] };
const template = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
};
const bpe = {
  type: 'BPE',
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
  vocab,
  merges: [
    ['a', 'b'],
    ['Ġ', 'a'],
    ['ab', 'c'],
  ],
};
const WORDS = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

export const tokenizers = [
  { ...common, normalizer: null, pre_tokenizer: byteLevel(true), post_processor: { ...byteLevel(true) }, decoder: byteLevel(true), model: bpe },
  {
    ...common,
    normalizer: { type: 'NFC' },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: WORDS }, behavior: 'Isolated', invert: false }, byteLevel(false)] },
    post_processor: { type: 'Sequence', processors: [byteLevel(true), template] },
    decoder: byteLevel(true),
    model: { ...bpe, ignore_merges: true },
  },
  {
    ...common,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: template,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: { ...bpe, unk_token: '<unk>', fuse_unk: true, byte_fallback: true, merges: ['▁ a', 'a b'] },
  },
  {
    ...common,
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '<unk>', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab },
  },
  {
    ...common,
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    model: { type: 'Unigram', unk_id: 2, byte_fallback: false, vocab: VOCABULARY.map((token, id) => [token, -id]) },
  },
];

export const tokenizerConfig = {
  bos_token: '<s>',
  eos_token: { content: '</s>' },
  add_bos_token: true,
  chat_template: "{% for message in messages %}{{ '<s>' + message['role'] + message['content'] }}{% endfor %}",
};

export const llamaConfig = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 14,
  hidden_size: 4,
  intermediate_size: 6,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 2,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 },
  hidden_act: 'silu',
  tie_word_embeddings: true,
};
const rest = { vocab_size: 14, hidden_size: 4, intermediate_size: 6, num_hidden_layers: 2, num_attention_heads: 2, tie_word_embeddings: true };

export const configs = [
  llamaConfig,
  {
    ...rest,
    architectures: ['Qwen2ForCausalLM'],
    sliding_window: 4,
    use_sliding_window: true,
    max_window_layers: 1,
    layer_types: ['full_attention', 'sliding_attention'],
  },
  {
    ...rest,
    architectures: ['Gemma3ForCausalLM'],
    head_dim: 2,
    num_key_value_heads: 1,
    hidden_activation: 'gelu_pytorch_tanh',
    sliding_window: 4,
    query_pre_attn_scalar: 2,
    sliding_window_pattern: 2,
    rope_local_base_freq: 10000,
  },
  { architectures: ['GPT2LMHeadModel'], vocab_size: 14, n_embd: 4, n_layer: 2, n_head: 2, n_positions: 8, activation_function: 'gelu_new' },
  {
    ...rest,
    architectures: ['GPTNeoXForCausalLM'],
    rotary_pct: 0.5,
    hidden_act: 'gelu',
    use_parallel_residual: true,
    layer_norm_eps: 1e-5,
    max_position_embeddings: 8,
  },
  { ...rest, architectures: ['Olmo2ForCausalLM'], rms_norm_eps: 1e-5 },
  {
    ...rest,
    architectures: ['Phi3ForCausalLM'],
    rms_norm_eps: 1e-5,
    partial_rotary_factor: 1,
    original_max_position_embeddings: 8,
    max_position_embeddings: 8,
  },
  { ...rest, architectures: ['PalmLikeForCausalLM'], head_dim: 2 },
];

export const recipes = [
  {
    name: 'half',
    model: 'embedded',
    data: { train: 'embedded', valid: ['embedded:valid', 'a.jsonl=3'] },
    join: '\n',
    plugins: [],
    seed: 1,
    memoryLimit: '4GB',
    steps: [
      { evaluate: { perplexity: 'valid', windows: 2, window: 64, tasks: ['piqa'], latency: { context: 16 } } },
      { prune: { 'layer-chop': { keep: 2, configuration: 'max-gap' }, calibration: { data: 'train', samples: 8 } } },
      { train: { steps: 4, batchSize: 2, window: 64, lr: 0.001, distill: { 'distill-logits': { temperature: 2 }, teacher: 'embedded' } } },
      { train: { tokens: '1M', prune: { 'dim-chop': { sparsity: 0.5 } } } },
      { export: { format: 'hf', dtype: 'bf16' } },
      'report',
    ],
  },
];

/** Of the model of {@link llamaConfig}. */
export const plans = [
  {
    format: 'chop-plan',
    version: 1,
    made: { strategy: 'layer-chop', options: { keep: 1 }, seed: 0, source: 'a model' },
    model: {
      family: 'llama',
      axes: Object.fromEntries([
        ['layer', 2],
        ['width', 4],
        ['vocab', 14],
        ...[0, 1].flatMap((at) => [
          [`layers.${at}.ffn`, 6],
          [`layers.${at}.kv`, 1],
          [`layers.${at}.group`, 2],
          [`layers.${at}.inner`, 2],
        ]),
      ]),
    },
    keep: { layer: [0], width: [0, 2], 'layers.0.ffn': [1, 2, 5], 'layers.1.group': [0] },
    masks: [],
    replaces: [],
    explanation: 'layer 2 → 1',
  },
];

export const safetensorsHeaders = [
  {
    __metadata__: { format: 'pt' },
    'a.weight': { dtype: 'F32', shape: [2, 4], data_offsets: [0, 32] },
    'b.weight': { dtype: 'BF16', shape: [8], data_offsets: [32, 48] },
    'c.mask': { dtype: 'BOOL', shape: [16], data_offsets: [48, 64] },
  },
];

/** Packed 2:4 weights of two dtypes and widths, and one that is not packed. */
export const packedHeaders = [
  {
    'a.weight': { dtype: 'F16', shape: [2, 6], data_offsets: [0, 24] },
    'a.weight_indices': { dtype: 'U8', shape: [2, 2], data_offsets: [24, 28] },
    'b.weight': { dtype: 'F32', shape: [1, 4], data_offsets: [28, 44] },
    'b.weight_indices': { dtype: 'U8', shape: [1, 1], data_offsets: [44, 45] },
    'c.bias': { dtype: 'BF16', shape: [2], data_offsets: [45, 49] },
  },
];

export const recipeYaml = `# A run
name: half
model: &m embedded
data: { train: embedded, valid: 'a.txt b.txt=1' }
steps:
  - evaluate: &e
      perplexity: valid
  - prune: { layer-chop: { keep: 2 } }
  - evaluate: *e
  - train: { steps: 2, data: train }
  - report
`;

const lines = ['a', 'né🙂', '\\ud83d\\ude00', '', 'a longer text '.repeat(20)].map((text) => `{"text": "${text}"}`);

/** Lines with both ends of lines, and a list. */
export const documents = [`\uFEFF${lines.join('\r\n')}\n`, `[${lines.join(', ')}]`];
