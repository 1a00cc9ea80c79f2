import type { Command, Option } from 'commander';

/** What can stand after some words: `engine install` → its options. */
interface Place {
  readonly path: string;
  readonly commands: readonly Command[];
  readonly options: readonly Option[];
}

/** A script for a shell, made from the commands as they are. */
export function completionScript(shell: 'bash' | 'zsh' | 'fish', program: Command): string {
  const places = placesOf(program);
  if (shell === 'fish') return fish(places, program.options);
  const script = bash(places, program.options);
  // zsh reads bash's functions; bashcompinit brings `complete` and `compgen`.
  return shell === 'bash' ? script : `#compdef chop\nautoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${script}`;
}

function placesOf(command: Command, path = ''): Place[] {
  const commands = command.commands.filter(({ _hidden }: Command & { _hidden?: boolean }) => !_hidden);
  return [{ path, commands, options: path === '' ? [] : command.options }, ...commands.flatMap((inner) => placesOf(inner, `${path} ${inner.name()}`.trim()))];
}

function namesOf({ commands, options }: Omit<Place, 'path'>): string {
  return [...commands.map((command) => command.name()), ...options.map(({ long }) => long)].join(' ');
}

function bash(places: readonly Place[], everywhere: readonly Option[]): string {
  const choices = [
    ...new Map(
      [...places.flatMap(({ options }) => options), ...everywhere]
        .filter(({ argChoices }) => argChoices)
        .map((option) => [option.long!, option.argChoices!.join(' ')]),
    ),
  ];
  const nested = places.flatMap(({ path, commands }) => (path !== '' && commands.length > 0 ? [path] : []));
  return `_chop() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      -*) ;;
      *) if [[ -z $path ]]; then path=$word; elif [[ " ${nested.join(' ')} " == *" $path "* ]]; then path="$path $word"; fi ;;
    esac
  done
  COMPREPLY=()
  case "$previous" in
${choices.map(([flag, values]) => `    ${flag}) COMPREPLY=($(compgen -W '${values}' -- "$current")); return ;;`).join('\n')}
  esac
  local words=''
  case "$path" in
${places.map((place) => `    '${place.path}') words='${namesOf(place)}' ;;`).join('\n')}
  esac
  if [[ $current == -* || -z $path || " ${nested.join(' ')} " == *" $path "* ]]; then
    COMPREPLY=($(compgen -W "$words ${everywhere.map(({ long }) => long).join(' ')} --help" -- "$current"))
  fi
}
complete -o default -F _chop chop
`;
}

function fish(places: readonly Place[], everywhere: readonly Option[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const flag = ({ long, short, description, required, argChoices }: Option): string =>
    `-l ${long!.slice(2)}${short ? ` -s ${short.slice(1)}` : ''} -d ${quoted(description)}${required ? ' -r' : ''}${argChoices ? ` -f -a ${quoted(argChoices.join(' '))}` : ''}`;
  const condition = (path: string): string =>
    path === ''
      ? '__fish_use_subcommand'
      : path
          .split(' ')
          .map((word) => `__fish_seen_subcommand_from ${word}`)
          .join('; and ');
  const lines = places.flatMap(({ path, commands, options }) => [
    ...commands.map((command) => `complete -c chop -n ${quoted(condition(path))} -f -a ${command.name()} -d ${quoted(command.summary())}`),
    ...options.map((option) => `complete -c chop -n ${quoted(condition(path))} ${flag(option)}`),
  ]);
  return `${[...lines, ...everywhere.map((option) => `complete -c chop ${flag(option)}`)].join('\n')}\n`;
}
