import { homedir, tmpdir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * The per-user cache that all projects share: `CHOP_HOME`, else `chop` in `XDG_CACHE_HOME`, else `.cache/chop` in
 * the home folder, else (no home at all) a folder of this user in the temporary folder. Nothing is created.
 *
 * @param environment - where the variables are read; a relative `XDG_CACHE_HOME` is ignored, as its specification asks.
 * @returns an absolute path.
 */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment['CHOP_HOME']) return resolve(environment['CHOP_HOME']);
  const xdg = environment['XDG_CACHE_HOME'];
  if (xdg && isAbsolute(xdg)) return join(xdg, 'chop');
  const home = environment['HOME'] || environment['USERPROFILE'] || accountHome();
  if (home !== undefined && isAbsolute(home)) return join(home, '.cache', 'chop');
  return join(tmpdir(), `chop-${process.getuid?.() ?? 'user'}`);
}

/** The home folder that the account names; a container's user may have no account entry. */
function accountHome(): string | undefined {
  try {
    return userInfo().homedir || homedir() || undefined;
  } catch {
    return undefined;
  }
}
