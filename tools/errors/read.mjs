import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { packageFolders } from '../workspace.mjs';

const CODE = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;

/**
 * Every code that the sources throw, with the places: the arguments of `new …Error(CODE, { found, expected, remedy })`, and of a function through which a package
 * makes its errors (`wrong(…)`, `refuse(…)`) where those pass the code on.
 *
 * @returns {Map<string, { kind: string, file: string, line: number, found?: string, expected?: string, remedy?: string }[]>} by code, sorted.
 */
export function readingErrors(root) {
  const errors = new Map();
  for (const file of packageFolders(root).flatMap((folder) => sources(join(root, folder, 'src')))) {
    const text = readFileSync(file, 'utf8');
    if (!/[A-Z]{3,}/.test(text)) continue;
    const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    const note = (code, call, facts) => {
      const { line } = tree.getLineAndCharacterOfPosition(call.getStart());
      const kind = ts.isNewExpression(call) ? call.expression.getText() : (enclosingClass(call) ?? 'ChopError');
      if (!errors.has(code)) errors.set(code, []);
      errors.get(code).push({ kind, file: relative(root, file), line: line + 1, ...facts });
    };
    const visit = (node) => {
      if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && node.arguments?.length > 0) {
        const made = node.expression.kind === ts.SyntaxKind.SuperKeyword || (ts.isNewExpression(node) && /Error$/.test(node.expression.getText()));
        for (const code of codesOf(node.arguments[0])) if (made) note(code, node, factsOf(node.arguments[1]));
        // A function of the file that makes the error is given its code.
        if (!made) for (const argument of node.arguments) for (const code of codesOf(argument)) if (passes(tree, node)) note(code, node, {});
      }
      // What such a function makes where it is given none, and what failures of commander become.
      const byDefault = ts.isParameter(node) && node.name.getText() === 'code' ? node.initializer : undefined;
      const ofCommander = ts.isPropertyAssignment(node) && /^'commander\./.test(node.name.getText()) ? node.initializer : undefined;
      for (const value of [byDefault, ofCommander]) for (const code of value ? codesOf(value) : []) note(code, node, {});
      ts.forEachChild(node, visit);
    };
    visit(tree);
  }
  return new Map([...errors].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function enclosingClass(node) {
  for (let at = node.parent; at; at = at.parent) if (ts.isClassDeclaration(at)) return at.name?.text;
  return undefined;
}

/** The codes that an argument can be: a text, or one of two. */
function codesOf(node) {
  if (ts.isStringLiteralLike(node)) return CODE.test(node.text) && node.text.length > 3 ? [node.text] : [];
  if (ts.isConditionalExpression(node)) return [...codesOf(node.whenTrue), ...codesOf(node.whenFalse)];
  return [];
}

/** Whether the called function has a parameter `code`. */
function passes(tree, call) {
  const name = call.expression.getText().replace(/^this\./, '');
  let found = false;
  const visit = (node) => {
    const named = (ts.isFunctionLike(node) && (node.name ?? node.parent?.name)?.getText() === name) || false;
    if (named && node.parameters.some((parameter) => parameter.name.getText() === 'code')) found = true;
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** `found`, `expected` and `remedy` as they are written, with what is filled in as `…`. */
function factsOf(node) {
  const facts = {};
  if (node && ts.isObjectLiteralExpression(node))
    for (const property of node.properties) {
      const name = property.name?.getText();
      if (!['found', 'expected', 'remedy'].includes(name) || !ts.isPropertyAssignment(property)) continue;
      const text = written(property.initializer);
      if (text !== undefined && /\p{L}/u.test(text)) facts[name] = text;
    }
  return facts;
}

function written(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ expression, literal }) => (written(expression) ?? '…') + literal.text).join('');
  if (ts.isConditionalExpression(node)) return written(node.whenTrue) ?? written(node.whenFalse);
  return undefined;
}

function sources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((name) => /\.ts$/.test(name) && !/(\.spec|\.d)\.ts$/.test(name))
    .map((name) => join(folder, name))
    .sort();
}
