import { posix } from 'node:path';
import ts from 'typescript';

/** What has to be read to understand a method: more files than this and it is no longer a newcomer of known shape. */
export const MAX_FILES = 15;

/**
 * The methods (`libs/strategies/NAME/src/NAME.ts`) whose imports reach more than {@link MAX_FILES} files of this repository. Imports of types count. An index.ts
 * is no file to read: each name that is imported through one leads to the file that defines it.
 *
 * @param {import('./sources.mjs').Source[]} sources
 * @param {ReadonlyMap<string, string>} packages - `@chop/core` → `libs/core`.
 */
export function closures(sources, packages) {
  const modules = new Modules(sources, packages);
  const measured = sources
    .map(({ path }) => path)
    .filter((path) => /^libs\/strategies\/([^/]+)\/src\/\1\.ts$/.test(path))
    .map((path) => ({ path, reached: modules.reachedFrom(path) }))
    .sort((a, b) => b.reached.length - a.reached.length);
  return {
    findings: measured
      .filter(({ reached }) => reached.length > MAX_FILES)
      .map(({ path, reached }) => `${path}: its imports reach ${reached.length} files of at most ${MAX_FILES}: ${reached.join(' ')}`),
    nearest: measured[0] && `${measured[0].path} reaches ${measured[0].reached.length} of ${MAX_FILES} files`,
  };
}

/** The modules of the repository: what each imports, and where a name of a package comes from. */
class Modules {
  #texts;
  #packages;
  #parsed = new Map();

  constructor(sources, packages) {
    this.#texts = new Map(sources.map(({ path, text }) => [path, text]));
    this.#packages = packages;
  }

  /** The files that an importer of `start` depends on, `start` itself not among them, in the order of their paths. */
  reachedFrom(start) {
    const seen = new Set([start]);
    const open = [start];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      for (const next of this.#imported(path)) {
        if (seen.has(next)) continue;
        seen.add(next);
        open.push(next);
      }
    }
    seen.delete(start);
    return [...seen].sort();
  }

  /** The files in which the names that a file imports are defined. */
  #imported(path) {
    return this.#parse(path).imports.flatMap(({ from, names }) => {
      const target = this.#resolve(path, from);
      if (target === undefined) return [];
      return names === undefined ? this.#everything(target) : names.map((name) => this.#definer(target, name));
    });
  }

  /** The file that defines a name which a module exports. */
  #definer(path, name, visited = new Set()) {
    if (visited.has(path)) return path;
    visited.add(path);
    const { named, stars, declared } = this.#parse(path);
    if (declared.has(name)) return path;
    const passed = named.find((one) => one.as === name);
    if (passed) return this.#definer(this.#resolve(path, passed.from) ?? path, passed.name, visited);
    const through = stars.map((from) => this.#resolve(path, from)).find((target) => target !== undefined && this.#exports(target, name));
    return through === undefined ? path : this.#definer(through, name, visited);
  }

  #exports(path, name) {
    const { named, stars, declared } = this.#parse(path);
    if (declared.has(name) || named.some(({ as }) => as === name)) return true;
    return stars.some((from) => {
      const target = this.#resolve(path, from);
      return target !== undefined && this.#exports(target, name);
    });
  }

  /** What `import * as all` brings: the module, or, of an index, all that it passes on. */
  #everything(path) {
    const { named, stars, declared } = this.#parse(path);
    const passedOn = [...stars, ...named.map(({ from }) => from)].map((from) => this.#resolve(path, from)).filter((target) => target !== undefined);
    return [...(declared.size > 0 || passedOn.length === 0 ? [path] : []), ...passedOn.flatMap((target) => this.#everything(target))];
  }

  #resolve(path, from) {
    const folder = this.#packages.get(from);
    if (folder !== undefined) return `${folder}/src/index.ts`;
    if (!from.startsWith('.')) return undefined;
    const bare = posix.join(posix.dirname(path), from).replace(/\.js$/, '');
    return [`${bare}.ts`, `${bare}.tsx`].find((file) => this.#texts.has(file));
  }

  #parse(path) {
    const known = this.#parsed.get(path);
    if (known) return known;
    const parsed = parseModule(path, this.#texts.get(path) ?? '');
    this.#parsed.set(path, parsed);
    return parsed;
  }
}

/** What a module imports, passes on and declares. `names` is undefined where the whole module is taken. */
function parseModule(path, text) {
  const parsed = { imports: [], named: [], stars: [], declared: new Set() };
  for (const statement of ts.createSourceFile(path, text, ts.ScriptTarget.Latest).statements) {
    if (ts.isImportDeclaration(statement)) parsed.imports.push({ from: statement.moduleSpecifier.text, names: importedNames(statement.importClause) });
    else if (ts.isExportDeclaration(statement)) readExport(statement, parsed);
    else for (const name of declaredNames(statement)) parsed.declared.add(name);
  }
  return parsed;
}

function readExport({ moduleSpecifier, exportClause }, { named, stars, declared }) {
  const from = moduleSpecifier?.text;
  const elements = exportClause && ts.isNamedExports(exportClause) ? exportClause.elements : [];
  if (from !== undefined && elements.length === 0) stars.push(from);
  for (const { name, propertyName } of elements) {
    if (from === undefined) declared.add(name.text);
    else named.push({ from, as: name.text, name: (propertyName ?? name).text });
  }
}

function importedNames(clause) {
  if (clause === undefined) return undefined;
  const bindings = clause.namedBindings;
  if (bindings && ts.isNamespaceImport(bindings)) return undefined;
  return [...(clause.name ? ['default'] : []), ...(bindings?.elements.map(({ name, propertyName }) => (propertyName ?? name).text) ?? [])];
}

function declaredNames(statement) {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
  return statement.name && ts.isIdentifier(statement.name) ? [statement.name.text] : [];
}
