/** One thing that the holder of an application credential may do. */
export interface AccessRule {
  /** The catalog's service type. */
  readonly service: string;
  readonly method: string;
  /** A path; `*` and `{name}` stand for one part, `**` for any number. */
  readonly path: string;
}

/** What is asked for: `path` as the service sees it, without the query. */
export interface AskedFor {
  readonly service: string;
  readonly method: string;
  readonly path: string;
}

/**
 * Whether one of the rules allows it. Paths are compared as they are written: another spelling of the same path is not
 * allowed by a rule for this one.
 * @see https://docs.openstack.org/keystone/latest/user/application_credentials.html#access-rules
 */
export function isAllowedBy(rules: readonly AccessRule[], asked: AskedFor): boolean {
  return rules.some(
    (rule) => rule.service === asked.service && rule.method === asked.method && matchesPath(rule.path, asked.path),
  );
}

/**
 * Matches without a regular expression, in time that grows with the product of the lengths, whatever the pattern.
 */
export function matchesPath(pattern: string, path: string): boolean {
  const tokens = pattern.match(/\*\*|\*|\{[^}/]*\}|[^*{]|\{/g) ?? [];
  // ends[i]: whether the tokens so far match the first i characters.
  let ends = Array.from({ length: path.length + 1 }, (_, i) => i === 0);
  for (const token of tokens) ends = advance(ends, token, path);
  return ends[path.length] === true;
}

function advance(ends: readonly boolean[], token: string, path: string): boolean[] {
  const next = Array.from({ length: ends.length }, () => false);
  if (token === '**') {
    let isOpen = false;
    for (let i = 0; i < ends.length; i++) {
      isOpen ||= ends[i] === true;
      next[i] = isOpen;
    }
  } else if (token === '*' || token.length > 1) {
    // At least one character, none of them a slash.
    for (let i = 1; i < ends.length; i++)
      next[i] = path[i - 1] !== '/' && (ends[i - 1] === true || next[i - 1] === true);
  } else {
    for (let i = 1; i < ends.length; i++) next[i] = ends[i - 1] === true && path[i - 1] === token;
  }
  return next;
}
