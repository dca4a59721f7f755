/**
 * House rules that no ready-made lint rule can say, for oxlint's plugin interface.
 * `tests/architecture/lint.test.ts` seeds a violation of each.
 */

interface Node {
  readonly type: string;
}

interface Name extends Node {
  readonly name: string;
}

interface Call extends Node {
  readonly callee: Node;
  readonly arguments: readonly Node[];
}

interface Member extends Node {
  readonly object: Node;
  readonly property: Node;
  readonly computed: boolean;
}

interface Context {
  report(problem: { readonly node: Node; readonly message: string }): void;
}

type Visitor = Readonly<Record<string, (node: never) => void>>;

interface Rule {
  create(context: Context): Visitor;
}

const TIME = 'Take a Clock (#kernel/clock.ts): tests move it.';
const CHANCE = 'Take a Random (#kernel/random.ts): tests seed it. For secrets use node:crypto.';

/** Reading the machine's clock: `new Date()`, `Date()`, `Date.now`. */
const noSystemTime: Rule = {
  create: (context) => ({
    NewExpression(node: Call) {
      if (isNamed(node.callee, 'Date') && node.arguments.length === 0) context.report({ node, message: TIME });
    },
    CallExpression(node: Call) {
      if (isNamed(node.callee, 'Date')) context.report({ node, message: TIME });
    },
    MemberExpression(node: Member) {
      if (isMember(node, 'Date', 'now')) context.report({ node, message: TIME });
    },
  }),
};

/** Chance that no test can repeat: `Math.random`. */
const noSystemChance: Rule = {
  create: (context) => ({
    MemberExpression(node: Member) {
      if (isMember(node, 'Math', 'random')) context.report({ node, message: CHANCE });
    },
  }),
};

function isNamed(node: Node, name: string): boolean {
  return node.type === 'Identifier' && (node as Name).name === name;
}

/** `object.property` and `object['property']` alike. */
function isMember(node: Member, object: string, property: string): boolean {
  if (!isNamed(node.object, object)) return false;
  if (!node.computed) return isNamed(node.property, property);
  return node.property.type === 'Literal' && (node.property as Node & { value?: unknown }).value === property;
}

const plugin = {
  meta: { name: 'house' },
  rules: { 'no-system-time': noSystemTime, 'no-system-chance': noSystemChance },
};

// oxlint loads a plugin by its default export.
// oxlint-disable-next-line import/no-default-export
export default plugin;
