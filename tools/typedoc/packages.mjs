import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application, Converter, ReflectionKind } from 'typedoc';
import { packageFolders, ROOT } from '../workspace.mjs';

/**
 * TypeDoc plugin: all packages are read as one program, each under its own name; a link may name what another package exports; and every exported function
 * must be documented. (TypeDoc's own check of functions takes in each method and each callback of an options object, whose names say what they are.)
 */
export function load(app) {
  const names = new Map(packageFolders().map((folder) => [folder, JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')).name]));

  app.on(Application.EVENT_BOOTSTRAP_END, () => app.options.setValue('packagesRequiringDocumentation', [...names.values()]));

  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Module)) return;
    const [, folder, entry] = /^(.*)\/src(?:\/(.*))?$/.exec(`libs/${reflection.name}`) ?? [];
    if (names.has(folder)) reflection.name = entry === undefined ? names.get(folder) : `${names.get(folder)}/${entry}`;
  });

  app.converter.addUnknownSymbolResolver(({ symbolReference }, { project }) => {
    const path = symbolReference?.path?.map(({ path: name }) => name) ?? [];
    if (path.length === 0) return undefined;
    const target = project.children?.map((module) => module.getChildByName(path)).find((found) => found !== undefined);
    return target && { target, caption: path.at(-1) };
  });

  app.on(Application.EVENT_VALIDATE_PROJECT, (project) => {
    const functions = project.children?.flatMap((module) => module.children ?? []).filter((child) => child.kindOf(ReflectionKind.Function)) ?? [];
    for (const undocumented of functions.filter(({ signatures }) => !signatures?.some((signature) => signature.hasComment()))) {
      app.logger.validationWarning(`${undocumented.getFriendlyFullName()} (Function) does not have any documentation`);
    }
  });
}
