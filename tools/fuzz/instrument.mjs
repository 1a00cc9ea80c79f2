import ts from 'typescript';

/** Places that can be counted: the readers and what they are made with have some ten thousand. */
export const PLACES = 1 << 15;

/**
 * A module that counts what it runs: every function, branch, case and right side of `&&`, `||`, `??` adds one to its place in `globalThis.reached`.
 *
 * @param first - the place of its first count.
 * @returns {{ code: string, next: number }} `next`: the first place that is free.
 */
export function instrument(source, first) {
  const file = ts.createSourceFile('module.js', source, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS);
  /** @type {[at: number, text: string][]} */
  const insertions = [];
  let next = first;
  const count = () => `globalThis.reached[${next++}]++`;
  const before = (node) => insertions.push([ts.skipTrivia(source, node.pos), `${count()};`]);
  const around = (node) => {
    insertions.push([ts.skipTrivia(source, node.pos), `(${count()},(`]);
    insertions.push([node.end, '))']);
  };
  const block = (node) => insertions.push([ts.skipTrivia(source, node.pos) + 1, `${count()};`]);
  const branch = (node) => {
    if (node === undefined) return;
    if (ts.isBlock(node)) block(node);
    else {
      insertions.push([ts.skipTrivia(source, node.pos), `{${count()};`]);
      insertions.push([node.end, '}']);
    }
  };
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body) ts.isBlock(node.body) ? block(node.body) : around(node.body);
    if (ts.isIfStatement(node)) [node.thenStatement, node.elseStatement].forEach(branch);
    if (ts.isIterationStatement(node, false)) branch(node.statement);
    if (ts.isCatchClause(node)) block(node.block);
    if (ts.isConditionalExpression(node)) [node.whenTrue, node.whenFalse].forEach(around);
    if (ts.isCaseOrDefaultClause(node) && node.statements.length > 0) before(node.statements[0]);
    if (ts.isBinaryExpression(node) && SHORT.includes(node.operatorToken.kind)) around(node.right);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { code: inserted(source, insertions), next };
}

const SHORT = [ts.SyntaxKind.AmpersandAmpersandToken, ts.SyntaxKind.BarBarToken, ts.SyntaxKind.QuestionQuestionToken];

/** What opens at a place comes from the outside in, what closes from the inside out. */
function inserted(source, insertions) {
  const ordered = insertions.map(([at, text], order) => ({ at, text, order, closes: /^[)}]/.test(text) }));
  ordered.sort((a, b) => a.at - b.at || Number(b.closes) - Number(a.closes) || (a.closes ? b.order - a.order : a.order - b.order));
  let from = 0;
  const parts = [];
  for (const { at, text } of ordered) {
    parts.push(source.slice(from, at), text);
    from = at;
  }
  return parts.join('') + source.slice(from);
}
