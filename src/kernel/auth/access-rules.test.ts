import { describe, expect, it } from 'vitest';
import { isAllowedBy, matchesPath } from './access-rules.ts';

describe('access rules', () => {
  it.each([
    ['/v2.1/servers', '/v2.1/servers', true],
    ['/v2.1/servers', '/v2.1/servers/', false],
    ['/v2.1/servers/*', '/v2.1/servers/1', true],
    ['/v2.1/servers/*', '/v2.1/servers/1/ips', false],
    ['/v2.1/servers/*', '/v2.1/servers/', false],
    ['/v2.1/servers/{id}/ips', '/v2.1/servers/1/ips', true],
    ['/v2.1/**', '/v2.1/servers/1/ips', true],
    ['/v2.1/**/ips', '/v2.1/servers/1/ips', true],
    ['/v2.1/**/ips', '/v2.1/servers/1', false],
    ['/a.c', '/abc', false],
    ['/a{b', '/a{b', true],
  ])('%s against %s is %s', (pattern, path, matches) => {
    expect(matchesPath(pattern, path)).toBe(matches);
  });

  it('answers a hostile pattern quickly', () => {
    expect(matchesPath('**'.repeat(110), 'a'.repeat(16_000))).toBe(true);
    expect(matchesPath(`/${'**a'.repeat(70)}b`, `/${'a'.repeat(2_000)}`)).toBe(false);
  });

  it('want the same service and method', () => {
    const rules = [{ service: 'compute', method: 'GET', path: '/v2.1/servers' }];
    const asked = { service: 'compute', method: 'GET', path: '/v2.1/servers' };
    expect(isAllowedBy(rules, asked)).toBe(true);
    expect(isAllowedBy(rules, { ...asked, method: 'POST' })).toBe(false);
    expect(isAllowedBy(rules, { ...asked, service: 'image' })).toBe(false);
    expect(isAllowedBy([], asked)).toBe(false);
  });
});
