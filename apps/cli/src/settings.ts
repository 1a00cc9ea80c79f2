import { nearest, UsageError } from '@chop/core/error';
import { parse } from 'yaml';
import { suffixed } from './option-values.js';

export type Settings = Record<string, unknown>;

/**
 * Options of a method, as `--set name=value` gives them. Values are YAML scalars (`15`, `max-gap`, `true`, `1M` in full) or
 * lists (`[ffn, kv]`); dots in a name nest: `schedule.rate=3`.
 *
 * @throws {@link UsageError} `SET_SYNTAX`.
 */
export function settingsOf(given: readonly string[]): Settings {
  const settings: Settings = {};
  for (const text of given) {
    const equals = text.indexOf('=');
    const path = text.slice(0, Math.max(0, equals)).trim().split('.');
    if (path.some((part) => !/^[A-Za-z][\w-]*$/.test(part)))
      throw new UsageError('SET_SYNTAX', { found: `--set ${text}`, expected: 'name=value', remedy: 'For example --set keep=15, or --set layers=[0,2].' });
    place(settings, path, valueOf(text.slice(equals + 1), text), text);
  }
  return settings;
}

/** Which of the settings are whose, when a run has a pruner and a distiller: a name in front (`wanda.pattern=2:4`) says so, else the method that has such an option. */
export function shareOut(given: readonly string[], methods: readonly { name: string; options: readonly string[] }[]): Map<string, Settings> {
  const shares = new Map(methods.map(({ name }) => [name, [] as string[]]));
  for (const text of given) {
    const named = methods.find(({ name }) => text.startsWith(`${name}.`));
    const option = text.split(/[.=]/, 1)[0]!;
    const owners = named ? [named] : methods.filter(({ options }) => options.includes(option));
    if (owners.length > 1)
      throw new UsageError('SET_AMBIGUOUS', {
        found: `--set ${text}`,
        expected: `whose ${option} it is`,
        remedy: `Write --set ${owners[0]!.name}.${text} or --set ${owners[1]!.name}.${text}.`,
      });
    const known = methods.flatMap(({ options }) => options);
    const owner = owners[0] ?? (methods.length === 1 ? methods[0] : undefined);
    if (!owner) {
      const remedy = methods.length === 0 ? 'Name a method with --prune or --distill.' : `Did you mean ${nearest(option, known) ?? 'another'}?`;
      throw new UsageError('OPTION_UNKNOWN', {
        found: `--set ${text}`,
        expected: methods.length === 0 ? 'a method that it belongs to' : `one of ${known.join(', ')}`,
        remedy,
      });
    }
    shares.get(owner.name)!.push(named ? text.slice(named.name.length + 1) : text);
  }
  return new Map([...shares].map(([name, own]) => [name, settingsOf(own)]));
}

function place(settings: Settings, path: readonly string[], value: unknown, text: string): void {
  const [name, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    settings[name] = value;
    return;
  }
  const inner = Object.hasOwn(settings, name) ? settings[name] : (settings[name] = {});
  if (inner === null || typeof inner !== 'object' || Array.isArray(inner))
    throw new UsageError('SET_SYNTAX', { found: `--set ${text}`, expected: `${name} to hold named values`, remedy: `Give ${name} once.` });
  place(inner as Settings, rest, value, text);
}

/** YAML 1.2 (`15`, `2:4`, `[ffn, kv]`), and numbers with a suffix. */
function valueOf(text: string, whole: string): unknown {
  try {
    const value: unknown = parse(text);
    if (text.trim() === '') return '';
    // What is quoted is a text.
    return value === text.trim() ? (suffixed(text) ?? value) : value;
  } catch (cause) {
    throw new UsageError('SET_SYNTAX', {
      found: `--set ${whole}`,
      expected: 'a number, a word or a list such as [0,2]',
      remedy: 'Put quotes around the whole argument where the shell reads brackets or quotes.',
      cause,
    });
  }
}
