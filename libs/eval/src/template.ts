import { DataError } from '@chop/core';
import * as jinja from '@huggingface/jinja';
import { FILTERS, METHODS } from './template-methods.js';
import { pythonText, PythonFloat } from './python-text.js';

/** A value while a template runs. */
interface Value {
  readonly type: string;
  readonly value: unknown;
}

/** A node of the package's tree. */
interface Node {
  readonly type: string;
  [part: string]: unknown;
}

interface Scope {
  readonly variables: ReadonlyMap<string, Value>;
  set(name: string, value: unknown): Value;
}

interface Runner {
  evaluate(node: Node | undefined, environment: Scope): Value;
  run(program: Node): Value;
}

/** What is used of the package; its own declarations of these cannot be resolved from a module. */
const { Environment, Interpreter, parse, tokenize } = jinja as unknown as {
  readonly Environment: new () => Scope;
  readonly Interpreter: new (environment: Scope) => Runner;
  readonly parse: (tokens: unknown) => Node;
  readonly tokenize: (template: string, options: { readonly lstrip_blocks: boolean; readonly trim_blocks: boolean }) => unknown;
};

const UNDEFINED = new Environment().set('nothing', undefined).constructor as new () => Value;

/** Nodes that are no expression: what stands in a template beside `{{ … }}` and text. */
const STATEMENTS = new Set(['Program', 'If', 'For', 'Set', 'Macro', 'Break', 'Continue', 'Comment', 'CallStatement', 'FilterStatement', 'StringLiteral']);
/** Where nodes hold statements. */
const BODIES = ['body', 'alternate', 'defaultBlock'];
/** What may be asked of a name that is not there. */
const ASKING_FILTERS = new Set(['default', 'd']);

/**
 * A Jinja template with Jinja2's meaning as lm-eval uses it: undefined names are errors, a newline at the end stays, blocks leave the white space around
 * them, and values print and compare as in Python. It is parsed by `@huggingface/jinja`, and run by its interpreter where that means the same.
 */
export class Template {
  readonly #program: Node;
  readonly #source: string;

  /** @throws {@link DataError} `TASK_TEMPLATE` when it does not parse. */
  constructor(source: string) {
    this.#source = source;
    try {
      // The package drops one newline at the end.
      const text = source.replaceAll(/\r\n?/g, '\n');
      this.#program = parse(tokenize(text.endsWith('\n') ? `${text}\n` : text, { lstrip_blocks: false, trim_blocks: false }));
      markOutputs(this.#program);
    } catch (cause) {
      throw this.#error(cause, 'a Jinja template');
    }
  }

  /** @throws {@link DataError} `TASK_TEMPLATE`, `TASK_FIELD` when it reads a field that the document has not. */
  render(document: Readonly<Record<string, unknown>>): string {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ true: true, false: false, none: null, True: true, False: false, None: null, ...document }))
      if (!environment.variables.has(name)) environment.set(name, value);
    try {
      return String(new PythonInterpreter(environment).run(this.#program).value);
    } catch (cause) {
      if (cause instanceof MissingName)
        throw new DataError('TASK_FIELD', {
          found: `a template that reads ${cause.message}, and a document with ${Object.keys(document).join(', ') || 'no fields'}`,
          expected: 'a field of the document',
          remedy: 'Mend the template, or the data.',
          template: this.#source,
        });
      throw this.#error(cause, 'a template that fits the document');
    }
  }

  #error(cause: unknown, expected: string): DataError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new DataError('TASK_TEMPLATE', {
      found: `the template ${JSON.stringify(shortened(this.#source))}: ${reason}`,
      expected,
      remedy: 'Mend the template.',
      template: this.#source,
      cause,
    });
  }
}

/** A template is shown up to here. In characters. */
const SHOWN_CHARACTERS = 80;

function shortened(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** A name that is not there was used. */
class MissingName extends Error {}

/** Wraps every `{{ … }}`, so that the interpreter below can tell what is printed from what is computed. */
function markOutputs(node: Node): void {
  for (const key of BODIES) {
    const statements = node[key];
    if (!Array.isArray(statements)) continue;
    (statements as Node[]).forEach((statement, at) => {
      if (STATEMENTS.has(statement.type)) markOutputs(statement);
      else statements[at] = { type: 'PythonOutput', printed: statement };
    });
  }
}

class PythonInterpreter extends Interpreter {
  override evaluate(node: Node | undefined, environment: Scope): Value {
    switch (node?.type) {
      case 'PythonOutput':
        return made(pythonText(plain(this.#used(node['printed'] as Node, environment))));
      case 'Ternary':
      case 'If':
      case 'UnaryExpression':
        this.#used((node['condition'] ?? node['test'] ?? node['argument']) as Node, environment);
        return super.evaluate(node, environment);
      case 'For': {
        const iterable = node['iterable'] as Node;
        this.#used(iterable.type === 'SelectExpression' ? (iterable['lhs'] as Node) : iterable, environment);
        return super.evaluate(node, environment);
      }
      case 'ArrayLiteral':
      case 'TupleLiteral':
        for (const item of node['value'] as Node[]) this.#used(item, environment);
        return super.evaluate(node, environment);
      case 'BinaryExpression':
        return this.#binary(node, environment);
      case 'CallExpression':
        return this.#call(node, environment);
      case 'FilterExpression':
        return this.#filter(node, environment);
      case 'MemberExpression':
        return this.#member(node, environment);
      default:
        return super.evaluate(node, environment);
    }
  }

  /** A value that must be there. */
  #used(node: Node, environment: Scope): Value {
    const value = this.evaluate(node, environment);
    if (value.type === 'UndefinedValue') throw new MissingName(nameOf(node));
    return value;
  }

  #binary(node: Node, environment: Scope): Value {
    const operator = (node['operator'] as { value: string }).value;
    const left = this.#used(node['left'] as Node, environment);
    if (operator === 'and' || operator === 'or') return super.evaluate(node, environment);
    const right = this.#used(node['right'] as Node, environment);
    const [a, b] = [plain(left), plain(right)];
    switch (operator) {
      case '==':
        return made(equal(a, b));
      case '!=':
        return made(!equal(a, b));
      case '~':
        return made(pythonText(a) + pythonText(b));
      case 'in':
      case 'not in':
        return made(contains(a, b) === (operator === 'in'));
      case '+':
        if ((typeof a === 'string') !== (typeof b === 'string')) throw new Error('can only concatenate a text to a text');
    }
    return super.evaluate(node, environment);
  }

  /** A method of Python's texts and lists, or a function of the template. */
  #call(node: Node, environment: Scope): Value {
    const callee = node['callee'] as Node;
    if (callee.type === 'MemberExpression' && callee['computed'] !== true) {
      const object = plain(this.#used(callee['object'] as Node, environment));
      const method = METHODS.get(String((callee['property'] as Node)['value']));
      if (method && (typeof object === 'string' || Array.isArray(object))) return made(method(object, ...this.#given(node['args'] as Node[], environment)));
    }
    return super.evaluate(node, environment);
  }

  #filter(node: Node, environment: Scope): Value {
    const filter = node['filter'] as Node;
    const name = String(filter.type === 'CallExpression' ? (filter['callee'] as Node)['value'] : filter['value']);
    if (ASKING_FILTERS.has(name)) return super.evaluate(node, environment);
    const operand = this.#used(node['operand'] as Node, environment);
    const own = FILTERS.get(name);
    if (!own) return super.evaluate(node, environment);
    return made(own(plain(operand), ...this.#given((filter['args'] ?? []) as Node[], environment)));
  }

  #member(node: Node, environment: Scope): Value {
    const object = this.#used(node['object'] as Node, environment);
    const property = node['property'] as Node;
    if (object.type === 'StringValue' && node['computed'] === true && property.type !== 'SliceExpression') {
      const at = plain(this.#used(property, environment));
      const character = typeof at === 'number' ? [...String(object.value)].at(at) : undefined;
      return character === undefined ? new UNDEFINED() : made(character);
    }
    return super.evaluate(node, environment);
  }

  #given(args: readonly Node[], environment: Scope): unknown[] {
    // By name or by place: those that are given are given in their order.
    return args.map((argument) => plain(this.#used((argument.type === 'KeywordArgumentExpression' ? argument['value'] : argument) as Node, environment)));
  }
}

/** A runtime value as data. */
function plain(value: Value): unknown {
  switch (value.type) {
    case 'ArrayValue':
    case 'TupleValue':
      return (value.value as Value[]).map(plain);
    case 'ObjectValue':
    case 'NamespaceValue':
      return Object.fromEntries([...(value.value as Map<string, Value>)].map(([key, each]) => [key, plain(each)]));
    case 'FloatValue':
      return Number.isInteger(value.value) ? new PythonFloat(value.value as number) : value.value;
    default:
      return value.value ?? null;
  }
}

/** Data as a runtime value. */
function made(value: unknown): Value {
  return new Environment().set('value', value instanceof PythonFloat ? value.value : value);
}

function equal(a: unknown, b: unknown): boolean {
  const [x, y] = [a, b].map((one) => (one instanceof PythonFloat ? one.value : typeof one === 'boolean' ? Number(one) : one));
  return typeof x === 'object' && x !== null ? pythonText(x) === pythonText(y) : x === y;
}

function contains(item: unknown, holder: unknown): boolean {
  if (typeof holder === 'string') {
    if (typeof item === 'string') return holder.includes(item);
    throw new Error('only a text can be in a text');
  }
  if (Array.isArray(holder)) return holder.some((one) => equal(one, item));
  return Object.hasOwn(holder as object, String(item));
}

function nameOf(node: Node): string {
  if (node.type === 'Identifier') return String(node['value']);
  if (node.type !== 'MemberExpression') return 'something that is not there';
  const property = node['property'] as Node;
  const at = node['computed'] === true ? `[${JSON.stringify(property['value'])}]` : `.${String(property['value'])}`;
  return `${nameOf(node['object'] as Node)}${at}`;
}
