#!/usr/bin/env node
/**
 * Trains the embedded model's tokenizer: byte-level BPE (Sennrich et al., arXiv 1508.07909, on GPT-2's byte alphabet), every digit
 * a token of its own. Writes tokenizer.json, tokenizer_config.json and special_tokens_map.json. The same text gives the same bytes. After `npm run build`:
 *
 *     node tools/embedded/train-tokenizer.mjs --out DIR [--vocabulary 512] [--context 512] [--field text] FILE.jsonl…
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BYTE_OF } from '@chop/data';

const END_OF_TEXT = '<|endoftext|>';
const SPECIAL_TOKENS = [END_OF_TEXT, '<|im_start|>', '<|im_end|>'];

const CHATML = [
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}",
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
].join('');

/** GPT-2's pattern; JavaScript's `\s` differs from Unicode's white space (U+0085, U+FEFF). */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const DIGITS = /\p{N}|\P{N}+/gu;

/** Pairs of token ids are kept as one number; no vocabulary here comes near it. */
const PAIR_BASE = 1 << 20;

function* pretokens(text) {
  for (const [part] of text.matchAll(DIGITS)) for (const [word] of part.matchAll(WORDS)) yield word;
}

/** A heap of pairs: the most frequent first, ties by the lower ids. Counts may be stale: the owner compares on `pop`. */
class PairHeap {
  #items = [];

  push(item) {
    const items = this.#items;
    let at = items.length;
    for (let parent; at > 0 && before(item, items[(parent = (at - 1) >> 1)]); at = parent) items[at] = items[parent];
    items[at] = item;
  }

  pop() {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1], items[child])) child++;
      if (!before(items[child], last)) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = last;
    return top;
  }
}

function before(a, b) {
  return a.count !== b.count ? a.count > b.count : a.pair < b.pair;
}

/** Learns merges from word types with their counts; counts of pairs are kept up to date instead of being counted anew. */
function learnMerges(words, counts, tokens, vocabulary) {
  const pairCounts = new Map();
  const pairWords = new Map();
  const touched = new Set();
  const count = (pair, word, sign) => {
    pairCounts.set(pair, (pairCounts.get(pair) ?? 0) + sign * counts[word]);
    touched.add(pair);
    if (sign < 0) return;
    const holders = pairWords.get(pair);
    if (holders) holders.add(word);
    else pairWords.set(pair, new Set([word]));
  };
  const countAll = (word, sign) => {
    const ids = words[word];
    for (let i = 0; i + 1 < ids.length; i++) count(ids[i] * PAIR_BASE + ids[i + 1], word, sign);
  };
  const heap = new PairHeap();
  const queueTouched = () => {
    for (const pair of touched) {
      const total = pairCounts.get(pair);
      if (total > 0) heap.push({ pair, count: total });
    }
    touched.clear();
  };
  words.forEach((_, word) => countAll(word, 1));
  queueTouched();

  const merges = [];
  while (tokens.length < vocabulary) {
    const best = heap.pop();
    if (best === undefined) throw new Error(`the text gives only ${tokens.length} tokens of the ${vocabulary} that were asked for`);
    if (pairCounts.get(best.pair) !== best.count) continue;
    const left = Math.floor(best.pair / PAIR_BASE);
    const right = best.pair % PAIR_BASE;
    const merged = tokens.push(tokens[left] + tokens[right]) - 1;
    merges.push(`${tokens[left]} ${tokens[right]}`);
    for (const word of pairWords.get(best.pair)) {
      countAll(word, -1);
      words[word] = mergePair(words[word], left, right, merged);
      countAll(word, 1);
    }
    pairCounts.delete(best.pair);
    pairWords.delete(best.pair);
    touched.delete(best.pair);
    queueTouched();
  }
  return merges;
}

function mergePair(ids, left, right, merged) {
  const out = [];
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === left && ids[i + 1] === right) {
      out.push(merged);
      i++;
    } else out.push(ids[i]);
  }
  return out;
}

function countWords(files, field) {
  const counts = new Map();
  for (const file of files) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (line.trim() === '') continue;
      for (const word of pretokens(JSON.parse(line)[field])) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

function tokenizerJson(tokens, merges) {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id]).sort((a, b) => a[1] - b[1])),
      merges,
    },
  };
}

function tokenizerConfig(context) {
  return {
    add_bos_token: false,
    add_prefix_space: false,
    added_tokens_decoder: Object.fromEntries(
      SPECIAL_TOKENS.map((content, id) => [id, { content, lstrip: false, normalized: false, rstrip: false, single_word: false, special: true }]),
    ),
    bos_token: END_OF_TEXT,
    chat_template: CHATML,
    clean_up_tokenization_spaces: false,
    eos_token: END_OF_TEXT,
    model_max_length: context,
    pad_token: END_OF_TEXT,
    tokenizer_class: 'GPT2Tokenizer',
    unk_token: END_OF_TEXT,
  };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    vocabulary: { type: 'string', default: '512' },
    context: { type: 'string', default: '512' },
    field: { type: 'string', default: 'text' },
  },
});
if (values.out === undefined || positionals.length === 0) {
  console.error('usage: train-tokenizer.mjs --out DIR [--vocabulary 512] [--context 512] [--field text] FILE.jsonl…');
  process.exit(2);
}

const alphabet = [...BYTE_OF.keys()];
const tokens = [...SPECIAL_TOKENS, ...[...alphabet].sort((a, b) => a.codePointAt(0) - b.codePointAt(0))];
const idOfByte = alphabet.map((character) => tokens.indexOf(character));
const wordCounts = countWords(positionals, values.field);
const encoder = new TextEncoder();
const words = Array.from(wordCounts.keys(), (word) => Array.from(encoder.encode(word), (byte) => idOfByte[byte]));
const merges = learnMerges(words, [...wordCounts.values()], tokens, Number(values.vocabulary));

mkdirSync(values.out, { recursive: true });
const write = (name, content) => writeFileSync(join(values.out, name), `${JSON.stringify(content, null, 1)}\n`);
write('tokenizer.json', tokenizerJson(tokens, merges));
write('tokenizer_config.json', tokenizerConfig(Number(values.context)));
write('special_tokens_map.json', { bos_token: END_OF_TEXT, eos_token: END_OF_TEXT, pad_token: END_OF_TEXT, unk_token: END_OF_TEXT });
console.error(`${tokens.length} tokens from ${words.length} different words in ${positionals.length} files, written to ${values.out}`);
