import type { Command, Option } from 'commander';

/**
 * Sorts the arguments of a command with an option of several words: `--data a.txt=3 b.txt=1`. Such an option takes all words
 * up to the next option, but leaves the command the last ones where it lacks its own: `--data a.txt wanda embedded`.
 *
 * @returns the same call with the options first and the words of the command after `--`.
 */
export function arrange(argv: readonly string[], program: Command): string[] {
  const { at, command } = findCommand(argv, program);
  if (!command.options.some(({ variadic }) => variadic)) return [...argv];
  const options = [...command.options, ...program.options];
  const kept: string[] = [...argv.slice(0, at + 1)];
  const words: { index: number; word: string }[] = [];
  const lists: { index: number; flag: string; words: { index: number; word: string }[] }[] = [];
  for (let index = at + 1; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === '--') {
      words.push(...argv.slice(index + 1).map((rest, i) => ({ index: index + 1 + i, word: rest })));
      break;
    }
    const option = optionOf(word, options);
    if (option?.variadic && !word.includes('=')) {
      const list: (typeof lists)[number] = { index, flag: word, words: [] };
      while (index + 1 < argv.length && !argv[index + 1]!.startsWith('-')) list.words.push({ index: ++index, word: argv[index]! });
      lists.push(list);
    } else if (!isFlag(word)) words.push({ index, word });
    else {
      kept.push(word);
      if (option?.required && !word.includes('=') && index + 1 < argv.length) kept.push(argv[++index]!);
    }
  }
  const needed = command.registeredArguments.length - (kept.some((word) => word.startsWith('--from-scratch')) ? 1 : 0);
  for (const list of lists.toReversed()) while (words.length < needed && list.words.length > 1) words.push(list.words.pop()!);
  kept.push(...lists.flatMap(({ flag, words: own }) => (own.length === 0 ? [flag] : own.flatMap(({ word }) => [flag, word]))));
  return words.length === 0 ? kept : [...kept, '--', ...words.sort((a, b) => a.index - b.index).map(({ word }) => word)];
}

/** The command that the arguments name, and where they name it; the program itself where they name none. */
export function findCommand(argv: readonly string[], program: Command): { at: number; command: Command } {
  let found = { at: -1, command: program };
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === '--') break;
    const option = optionOf(word, program.options);
    if (option?.required && !word.includes('=')) index++;
    if (isFlag(word)) continue;
    const command = found.command.commands.find((candidate) => candidate.name() === word || candidate.aliases().includes(word));
    if (!command) break;
    found = { at: index, command };
  }
  return found;
}

/** `chop engine install`. */
export function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

function optionOf(word: string, options: readonly Option[]): Option | undefined {
  const flag = word.replace(/=.*$/s, '');
  return options.find(({ long, short }) => long === flag || short === flag);
}

function isFlag(word: string): boolean {
  return word.length > 1 && word.startsWith('-');
}
