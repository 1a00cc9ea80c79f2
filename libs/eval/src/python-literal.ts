const ESCAPED: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v', '\\': '\\', "'": "'", '"': '"', '\n': '' };
const NAMES: Readonly<Record<string, unknown>> = { True: true, False: false, None: null };

/**
 * Python's `ast.literal_eval` of texts, numbers, lists, tuples and dictionaries. Tuples become lists, as they do in JSON.
 *
 * @throws SyntaxError for anything else.
 */
export function literalEval(text: string): unknown {
  const reader = new LiteralReader(text);
  const value = reader.value();
  reader.end();
  return value;
}

class LiteralReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): unknown {
    const next = this.#next();
    if (next === '[') return this.#list('[', ']').items;
    if (next === '(') {
      const { items, comma } = this.#list('(', ')');
      return items.length === 1 && !comma ? items[0] : items;
    }
    if (next === '{') return this.#dictionary();
    const texts: string[] = [];
    for (let one = this.#string(); one !== undefined; one = this.#string()) texts.push(one);
    return texts.length > 0 ? texts.join('') : this.#word();
  }

  end(): void {
    if (this.#next() !== undefined) this.#refuse();
  }

  /** The next character that is no space. */
  #next(): string | undefined {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text[this.#at];
  }

  #take(expected: string): boolean {
    if (this.#next() !== expected) return false;
    this.#at++;
    return true;
  }

  #refuse(): never {
    throw new SyntaxError(`no Python literal at ${JSON.stringify(this.#text.slice(this.#at, this.#at + 20))}`);
  }

  #list(open: string, close: string): { items: unknown[]; comma: boolean } {
    const items: unknown[] = [];
    let comma = false;
    this.#take(open);
    while (!this.#take(close)) {
      if (items.length > 0 && !comma) this.#refuse();
      items.push(this.value());
      comma = this.#take(',');
    }
    return { items, comma };
  }

  #dictionary(): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    let comma = true;
    this.#take('{');
    while (!this.#take('}')) {
      if (!comma) this.#refuse();
      const key = this.value();
      if (!this.#take(':')) this.#refuse();
      entries.push([String(key), this.value()]);
      comma = this.#take(',');
    }
    return Object.fromEntries(entries);
  }

  #string(): string | undefined {
    this.#next();
    const [whole, prefix, quote] = /^([rRuU]?)('''|"""|'|")/.exec(this.#text.slice(this.#at)) ?? [];
    if (whole === undefined) return undefined;
    this.#at += whole.length;
    const raw = prefix!.toLowerCase() === 'r';
    let out = '';
    while (!this.#text.startsWith(quote!, this.#at)) {
      const character = this.#text[this.#at++];
      if (character === undefined || (character === '\n' && quote!.length === 1)) this.#refuse();
      if (character !== '\\') out += character;
      else out += raw ? `\\${this.#text[this.#at++] ?? this.#refuse()}` : this.#escape();
    }
    this.#at += quote!.length;
    return out;
  }

  #escape(): string {
    const rest = this.#text.slice(this.#at);
    const [whole, hex, small, large] = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(rest) ?? [];
    const octal = /^[0-7]{1,3}/.exec(rest)?.[0];
    if (whole !== undefined || octal !== undefined) {
      this.#at += (whole ?? octal)!.length;
      return String.fromCodePoint(whole === undefined ? Number.parseInt(octal!, 8) : Number.parseInt((hex ?? small ?? large)!, 16));
    }
    this.#at++;
    return ESCAPED[rest[0] ?? ''] ?? `\\${rest[0] ?? ''}`;
  }

  #word(): unknown {
    const rest = this.#text.slice(this.#at);
    const [number] = /^[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/.exec(rest) ?? [];
    const [name] = /^[A-Za-z]+/.exec(rest) ?? [];
    if (number !== undefined) {
      this.#at += number.length;
      return Number(number.replaceAll('_', ''));
    }
    if (name === undefined || !(name in NAMES)) this.#refuse();
    this.#at += name!.length;
    return NAMES[name!];
  }
}
