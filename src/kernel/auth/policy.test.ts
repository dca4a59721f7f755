import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Forbidden } from '../errors.ts';
import { silentLog } from '../log.ts';
import { anonymousContext, type RequestContext } from './context.ts';
import { createPolicy, type PolicyRule } from './policy.ts';
import { parseRule } from './policy-language.ts';

const caller = (more: Partial<RequestContext> = {}): RequestContext => ({
  ...anonymousContext('req-1', ''),
  isAuthenticated: true,
  userId: 'u1',
  projectId: 'p1',
  roles: ['member', 'reader'],
  ...more,
});

function allows(check: string, more: Partial<RequestContext> = {}, target: Record<string, unknown> = {}): boolean {
  const rules: PolicyRule[] = [
    { name: 'admin_required', check: 'role:admin' },
    { name: 'owner', check: 'project_id:%(project_id)s' },
    { name: 'circle', check: 'rule:circle' },
    { name: 'it', check },
  ];
  return createPolicy({ rules, log: silentLog, monotonicMs: () => 0 }).allows(caller(more), 'it', target);
}

describe('the policy language', () => {
  it.each([
    ['', true],
    ['@', true],
    ['!', false],
    ['role:Member', true],
    ['role:admin', false],
    ['not role:admin', true],
    ['role:admin or role:member', true],
    ['role:admin and role:member or role:reader', true],
    ['role:admin and (role:member or role:reader)', false],
    ['rule:admin_required or rule:owner', true],
    ['(rule:admin_required) or (role:member and project_id:%(project_id)s)', true],
    ['project_id:%(other)s', false],
    ['user_id:%(target.user.id)s', true],
    ['None:%(nothing)s', true],
    ["'p1':%(project_id)s", true],
    ["(role:member and (role:x or 'p1':%(project_id)s))", true],
    ['True:%(flag)s', true],
    ['system_scope:all', false],
    ['rule:unknown', false],
    ['rule:circle', false],
  ])('%s is %s', (check, expected) => {
    expect(allows(check, {}, { project_id: 'p1', 'target.user.id': 'u1', nothing: null, flag: true })).toBe(expected);
  });

  it.each(['role:admin or', '(role:admin', 'role:admin role:member', 'admin', 'http://example.org/check'])(
    'refuses to parse %s',
    (text) => {
      expect(() => parseRule(text)).toThrow(SyntaxError);
    },
  );

  it('does not take inherited properties for attributes', () => {
    expect(allows('constructor:%(project_id)s', {}, { project_id: 'function Object() { [native code] }' })).toBe(false);
  });
});

describe('a policy', () => {
  it('refuses what no rule names', () => {
    const policy = createPolicy({ rules: [], log: silentLog, monotonicMs: () => 0 });
    expect(() => policy.enforce(caller(), 'unknown')).toThrow(Forbidden);
  });

  it('follows its file while running, and keeps the last good rules when the file is broken', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'policy-')), 'policy.yaml');
    let nowMs = 0;
    const policy = createPolicy({ rules: [{ name: 'r', check: '!' }], file, log: silentLog, monotonicMs: () => nowMs });
    expect(policy.allows(caller(), 'r')).toBe(false);
    writeFileSync(file, '"r": "role:member"\n');
    nowMs += 2_000;
    expect(policy.allows(caller(), 'r')).toBe(true);
    writeFileSync(file, '"r": "((("\n# broken\n');
    nowMs += 2_000;
    expect(policy.allows(caller(), 'r')).toBe(true);
  });
});
