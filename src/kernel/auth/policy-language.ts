/**
 * The rule language of oslo.policy: `role:admin or (rule:owner and not project_id:%(target.project.id)s)`.
 * @see https://docs.openstack.org/oslo.policy/latest/reference/api/oslo_policy.policy.html
 */

/** What a rule is held against: the caller's attributes, and those of the thing that is asked for. */
export interface PolicyInput {
  readonly credentials: Readonly<Record<string, unknown>>;
  readonly target: Readonly<Record<string, unknown>>;
}

export type Check = (input: PolicyInput, rules: RuleLookup) => boolean;
export type RuleLookup = (name: string) => Check | undefined;

/** Depth of `rule:` references; more can only be a circle. */
const MAX_DEPTH = 32;
let depth = 0;

/**
 * Compiles one rule. The empty rule and `@` allow, `!` refuses.
 * @throws {SyntaxError} naming the part that makes no sense.
 */
export function parseRule(text: string): Check {
  const tokens = tokenize(text);
  if (tokens.length === 0) return () => true;
  let at = 0;

  const parseOr = (): Check => {
    const parts = [parseAnd()];
    while (tokens[at]?.toLowerCase() === 'or') {
      at++;
      parts.push(parseAnd());
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : (i, r) => parts.some((check) => check(i, r));
  };
  const parseAnd = (): Check => {
    const parts = [parseNot()];
    while (tokens[at]?.toLowerCase() === 'and') {
      at++;
      parts.push(parseNot());
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : (i, r) => parts.every((check) => check(i, r));
  };
  const parseNot = (): Check => {
    if (tokens[at]?.toLowerCase() !== 'not') return parseTerm();
    at++;
    const inner = parseNot();
    return (i, r) => !inner(i, r);
  };
  const parseTerm = (): Check => {
    const token = tokens[at++];
    if (token === undefined) throw new SyntaxError(`policy rule '${text}' ends too early`);
    if (token !== '(') return parseCheck(token);
    const inner = parseOr();
    if (tokens[at++] !== ')') throw new SyntaxError(`policy rule '${text}' lacks a closing parenthesis`);
    return inner;
  };

  const check = parseOr();
  if (at < tokens.length) throw new SyntaxError(`policy rule '${text}' makes no sense at '${tokens[at] ?? ''}'`);
  return check;
}

function tokenize(text: string): string[] {
  // Parentheses stand alone, except those of `%(name)s`.
  return (
    text
      .match(/'[^']*'(?::(?:[^\s()%]|%\([^)]*\)s|%)+)?|%\([^)]*\)s|[()]|(?:[^\s()%]|%\([^)]*\)s|%)+/g)
      ?.reduce<string[]>(joinSplit, []) ?? []
  );
}

/** `project_id:` and `%(project_id)s` are one token when nothing stands between them; the regular expression keeps them so. */
function joinSplit(tokens: string[], token: string): string[] {
  const last = tokens.at(-1);
  if (last?.endsWith(':') && token !== '(' && token !== ')') tokens[tokens.length - 1] = last + token;
  else tokens.push(token);
  return tokens;
}

function parseCheck(token: string): Check {
  if (token === '@') return () => true;
  if (token === '!') return () => false;
  const colon = token.indexOf(':');
  if (colon < 1) throw new SyntaxError(`policy check '${token}' has no ':'`);
  const kind = token.slice(0, colon);
  const match = token.slice(colon + 1);
  if (kind === 'rule') return ruleCheck(match);
  if (kind === 'role') return roleCheck(match);
  if (kind === 'field') return fieldCheck(match);
  if (kind === 'http' || kind === 'https') throw new SyntaxError('policy checks over HTTP are not supported');
  return attributeCheck(kind, match);
}

function ruleCheck(name: string): Check {
  return (input, rules) => {
    const rule = rules(name) ?? rules('default');
    if (rule === undefined || depth >= MAX_DEPTH) return false;
    depth++;
    try {
      return rule(input, rules);
    } finally {
      depth--;
    }
  };
}

function roleCheck(match: string): Check {
  return (input) => {
    const wanted = expand(match, input.target)?.toLowerCase();
    const { roles } = input.credentials;
    return wanted !== undefined && Array.isArray(roles) && roles.some((role) => String(role).toLowerCase() === wanted);
  };
}

/**
 * Network's own check: `field:networks:router:external=True`, or `field:port:device_owner=~^network:` with a pattern.
 * The resource's name is for readers; the target is always the resource that is asked for.
 */
function fieldCheck(match: string): Check {
  const [, field = '', isPattern, wanted = ''] = /^[^:]*:([^=]*)=(~?)(.*)$/s.exec(match) ?? [];
  if (field === '') throw new SyntaxError(`policy check 'field:${match}' is not 'field:resource:field=value'`);
  const pattern = isPattern === '~' ? new RegExp(wanted) : undefined;
  return ({ target }) => {
    if (!Object.hasOwn(target, field) || target[field] === null || target[field] === undefined) return false;
    const value = pythonText(target[field]);
    return pattern === undefined ? value === wanted : pattern.test(value);
  };
}

/** `attribute:value`: a literal or a credential on the left, a literal or a target's attribute on the right. */
function attributeCheck(kind: string, match: string): Check {
  const literal = literalOf(kind);
  return (input) => {
    const right = expand(match, input.target);
    if (right === undefined) return false;
    if (literal !== undefined) return literal === right;
    return lookUp(input.credentials, kind).some((left) => pythonText(left) === right);
  };
}

function literalOf(text: string): string | undefined {
  const quoted = /^'(.*)'$|^"(.*)"$/.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2] ?? '';
  return /^(?:None|True|False|-?\d+(?:\.\d+)?)$/.test(text) ? text : undefined;
}

/** Fills `%(name)s` from the target; undefined when the target has no such attribute, which never matches. */
function expand(match: string, target: Readonly<Record<string, unknown>>): string | undefined {
  let isMissing = false;
  const text = match.replace(/%\(([^)]*)\)s/g, (_, name: string) => {
    const value = Object.hasOwn(target, name) ? target[name] : lookUp(target, name)[0];
    if (value === undefined) isMissing = true;
    return pythonText(value);
  });
  return isMissing ? undefined : text;
}

/** Follows a dotted path; a list on the way is searched as a whole. */
function lookUp(from: unknown, path: string): unknown[] {
  let found: unknown[] = [from];
  for (const key of path.split('.')) {
    found = found.flatMap((value) => {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return [];
      const next = (value as Record<string, unknown>)[key];
      return Array.isArray(next) ? (next as unknown[]) : [next];
    });
  }
  return found;
}

/** Rule files speak Python: `None`, `True`, `False`. */
function pythonText(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
