import { readFile } from 'node:fs/promises';
import { homedir, devNull } from 'node:os';
import { join } from 'node:path';

/** What pip's settings say about where packages come from. */
export interface PipSettings {
  /** A simple index; may carry a user and a password. */
  readonly indexUrl?: string;
  /** Files or folders with wheels. */
  readonly findLinks: readonly string[];
  /** The variable or the file that named the index. */
  readonly indexFrom?: string;
}

/**
 * Reads pip's settings as pip does: global, user and virtual environment's file, then `PIP_CONFIG_FILE`, then the
 * variables; the later wins. (`UV_INDEX_URL` and `UV_DEFAULT_INDEX` stand in where pip's own variable is not set.)
 */
export async function pipSettings(environment: NodeJS.ProcessEnv): Promise<PipSettings> {
  let indexUrl: string | undefined;
  let indexFrom: string | undefined;
  let findLinks: readonly string[] = [];
  for (const file of configFiles(environment)) {
    const values = parseConfig(await readFile(file, 'utf8').catch(() => ''));
    if (values.has('index-url')) [indexUrl, indexFrom] = [values.get('index-url'), file];
    if (values.has('find-links')) findLinks = words(values.get('find-links'));
  }
  for (const name of ['UV_INDEX_URL', 'UV_DEFAULT_INDEX', 'PIP_INDEX_URL']) {
    if (environment[name]) [indexUrl, indexFrom] = [environment[name], name];
  }
  if (environment['PIP_FIND_LINKS']) findLinks = words(environment['PIP_FIND_LINKS']);
  return { findLinks, ...(indexUrl && indexFrom ? { indexUrl, indexFrom } : {}) };
}

function configFiles(environment: NodeJS.ProcessEnv): readonly string[] {
  const own = environment['PIP_CONFIG_FILE'];
  if (own === devNull) return [];
  const home = environment['HOME'] || homedir();
  const user = environment['XDG_CONFIG_HOME'] || join(home, '.config');
  return [
    ...(environment['XDG_CONFIG_DIRS'] || '/etc/xdg').split(':').map((folder) => join(folder, 'pip', 'pip.conf')),
    ...(process.platform === 'darwin' ? ['/Library/Application Support/pip/pip.conf'] : []),
    '/etc/pip.conf',
    join(home, '.pip', 'pip.conf'),
    ...(process.platform === 'darwin' ? [join(home, 'Library', 'Application Support', 'pip', 'pip.conf')] : []),
    join(user, 'pip', 'pip.conf'),
    ...(environment['VIRTUAL_ENV'] ? [join(environment['VIRTUAL_ENV'], 'pip.conf')] : []),
    ...(own ? [own] : []),
  ];
}

/** Sections `global`, `install` and `download` of an INI file; a value goes on over indented lines. */
function parseConfig(text: string): ReadonlyMap<string, string> {
  const sections = new Map<string, Map<string, string>>();
  let section = new Map<string, string>();
  let key: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const header = /^\[([^\]]+)\]\s*$/.exec(line)?.[1]?.trim();
    const pair = /^([^\s=:][^=:]*)[=:](.*)$/.exec(line);
    if (header !== undefined) sections.set(header, (section = sections.get(header) ?? new Map<string, string>()));
    else if (/^\s/.test(line) && key !== undefined) section.set(key, `${section.get(key) ?? ''} ${line.trim()}`.trim());
    else if (pair !== null) section.set((key = (pair[1] ?? '').trim().toLowerCase().replaceAll('_', '-')), (pair[2] ?? '').trim());
  }
  // A command's own section goes before the global one, as in pip.
  return new Map(['global', 'install', 'download'].flatMap((name) => [...(sections.get(name) ?? [])]));
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}
