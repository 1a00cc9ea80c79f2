import type { Place } from '@chop/core';
import { Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml';

/** How a YAML text is read. */
export interface YamlOptions {
  /** PyYAML reads 1.1, where `yes` is true, and takes the last of two equal keys. */
  readonly version?: '1.1' | '1.2';
  /** What `!name text` stands for, by name. */
  readonly tags?: Readonly<Record<string, (text: string) => unknown>>;
}

/** A YAML text that knows on which line each of its keys stands. */
export class PlacedYaml {
  readonly value: unknown;
  /** The first thing that is no YAML. */
  readonly broken: { readonly line: number; readonly message: string } | undefined;
  readonly #file: string;
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(text: string, file: string, { version = '1.2', tags = {} }: YamlOptions = {}) {
    this.#file = file;
    const customTags = Object.entries(tags).map(([name, resolve]) => ({ tag: `!${name}`, resolve }));
    const document = understood(() => parseDocument(text, { version, lineCounter: this.#lines, customTags, uniqueKeys: version === '1.2', logLevel: 'error' }));
    const [error] = document instanceof Error ? [] : document.errors;
    const value = document instanceof Error || error ? document : understood(() => document.toJS() as unknown);
    if (error) this.broken = { line: this.#line(error.pos[0]), message: error.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '') };
    else if (value instanceof Error) this.broken = { line: 1, message: value instanceof RangeError ? 'lists and objects nested too deep' : value.message };
    this.value = this.broken ? undefined : value;
    this.#document = document instanceof Error ? new Document() : document;
  }

  /** Where a key or an entry of a list was written; where what holds it was, when it is not there itself. */
  placeOf(path: readonly PropertyKey[]): Place {
    for (let length = path.length; length > 0; length--) {
      const start = this.#startOf(path.slice(0, length));
      if (start !== undefined) return { file: this.#file, line: this.#line(start) };
    }
    return { file: this.#file };
  }

  #startOf(path: readonly PropertyKey[]): number | undefined {
    const holder = path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1), true);
    const key = path.at(-1);
    const pair = isMap(holder) ? holder.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    const node = pair ? pair.key : this.#document.getIn(path, true);
    return (node as { range?: [number, number, number] } | undefined)?.range?.[0];
  }

  #line(offset: number): number {
    return this.#lines.linePos(offset).line;
  }
}

/** What a parser made, or why it could not: aliases that lead nowhere or that unfold without end, values nested deeper than its stack. */
function understood<T>(parse: () => T): T | Error {
  try {
    return parse();
  } catch (error) {
    return error as Error;
  }
}
