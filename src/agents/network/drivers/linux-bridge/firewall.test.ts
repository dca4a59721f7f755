import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desiredOf, groupOf, networkOf, portOf, ruleOf, uuid } from '#tests/hosts/support/network-fixtures.ts';
import { parsePrefix } from './addresses.ts';
import { type Firewall, type FirewallInput, renderFirewall } from './firewall.ts';
import { translateRule } from './rules.ts';
import { differenceScript, wholeScript } from './ruleset.ts';

const NETWORK = uuid('n');
const GROUP = uuid('g');
const port = portOf(uuid('p'), NETWORK, 'fa:16:3e:00:00:01', [{ subnetId: 's', address: '10.0.0.5' }], {
  securityGroupIds: [GROUP],
});

function inputOf(more: Partial<FirewallInput['desired']> = {}): FirewallInput {
  const desired = desiredOf({
    networks: [networkOf(NETWORK, [])],
    ports: [port],
    securityGroups: [groupOf(GROUP, [])],
    ...more,
  });
  return { cloudId: 'cloud', desired, members: [port.tap], masquerade: [] };
}

const scriptText = (firewall: Firewall): string =>
  wholeScript(firewall.tables, firewall.hash)
    .map((line) => line.text)
    .join('\n');
const textOf = (input: FirewallInput): string => scriptText(renderFirewall(input));

describe('translateRule', () => {
  it.each([
    ['tcp', 22, 22, 4, 'meta nfproto ipv4 meta l4proto 6 th dport 22'],
    ['UDP', 1, 5, 6, 'meta nfproto ipv6 meta l4proto 17 th dport 1-5'],
    ['sctp', null, null, 4, 'meta nfproto ipv4 meta l4proto 132'],
    ['112', null, null, 4, 'meta nfproto ipv4 meta l4proto 112'],
    ['icmp', 8, 0, 4, 'meta nfproto ipv4 meta l4proto 1 icmp type 8 icmp code 0'],
    ['icmp', 128, null, 6, 'meta nfproto ipv6 meta l4proto 58 icmpv6 type 128'],
    ['ipv6-icmp', null, null, 6, 'meta nfproto ipv6 meta l4proto 58'],
    ['0', null, null, 4, 'meta nfproto ipv4'],
    [null, null, null, 6, 'meta nfproto ipv6'],
  ] as const)('%s %s-%s in IPv%s', (protocol, portMin, portMax, ipVersion, match) => {
    expect(translateRule(ruleOf('ingress', { protocol, portMin, portMax, ipVersion }))).toMatchObject({
      match,
      remotes: null,
    });
  });

  it.each([
    ['vrrp', 1, 2, 4],
    ['tcp', 5, 4, 4],
    ['tcp', 1, null, 4],
    ['tcp', 1, 70_000, 4],
    ['icmp', 256, null, 4],
    ['icmp', null, 3, 4],
    ['ipv6-icmp', null, null, 4],
    ['constructor', null, null, 4],
    ['256', null, null, 4],
    ['tcp } drop', null, null, 4],
    [null, 1, 2, 4],
  ] as const)('refuses %s %s-%s in IPv%s', (protocol, portMin, portMax, ipVersion) => {
    expect(typeof translateRule(ruleOf('ingress', { protocol, portMin, portMax, ipVersion }))).toBe('string');
  });

  it('lets nobody in for a remote group without members', () => {
    expect(translateRule(ruleOf('ingress', { remoteCidrs: [] }))).toBeUndefined();
    expect(translateRule(ruleOf('ingress', { remoteCidrs: ['2001:db8::1'] }))).toBeUndefined();
  });

  it('keeps only the outermost of prefixes that overlap', () => {
    const rule = translateRule(ruleOf('ingress', { remoteCidrs: ['10.0.0.5', '10.0.0.0/24', '10.0.0.128/25'] }));
    expect(rule).toMatchObject({ remotes: [parsePrefix('10.0.0.0/24')] });
  });
});

describe('renderFirewall', () => {
  it('gives the same script whatever the order of what is desired', () => {
    const other = portOf(uuid('q'), NETWORK, 'fa:16:3e:00:00:02', []);
    const rules = [ruleOf('ingress', { protocol: 'tcp' }), ruleOf('ingress', { protocol: 'udp' })];
    const one = renderFirewall(inputOf({ ports: [port, other], securityGroups: [groupOf(GROUP, rules)] }));
    const two = renderFirewall(inputOf({ ports: [other, port], securityGroups: [groupOf(GROUP, rules.toReversed())] }));
    expect(two.hash).toBe(one.hash);
  });

  it('judges the flows of a port again only when its own rules change', () => {
    const other = portOf(uuid('q'), NETWORK, 'fa:16:3e:00:00:02', [], { securityGroupIds: [uuid('h')] });
    const approval = (
      rules: Parameters<typeof groupOf>[1],
      otherRules: Parameters<typeof groupOf>[1],
    ): string | undefined => {
      const text = textOf(
        inputOf({ ports: [port, other], securityGroups: [groupOf(GROUP, rules), groupOf(uuid('h'), otherRules)] }),
      );
      return /chain ai_70\w+ \{\n(.*)\n/.exec(text)?.[1];
    };
    const before = approval([], []);
    expect(approval([], [ruleOf('ingress')])).toBe(before);
    expect(approval([ruleOf('ingress')], [])).not.toBe(before);
  });

  it('gives a port without port security neither filters nor marks', () => {
    const text = textOf(inputOf({ ports: [{ ...port, hasPortSecurity: false }] }));
    expect(text).not.toContain(`"${port.tap}" :`);
  });

  it('lets nothing of a user through but what it understands', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('tcp', '10.0.0.0/8', '; flush ruleset', '} accept', 'fa:16:3e:00:00:09', '\n'),
    );
    fc.assert(
      fc.property(word, word, word, word, (protocol, remote, mac, cidr) => {
        const text = textOf(
          inputOf({
            ports: [{ ...port, macAddress: mac, allowedAddressPairs: [{ macAddress: mac, cidr }] }],
            securityGroups: [groupOf(GROUP, [ruleOf('ingress', { protocol, remoteCidrs: [remote] })])],
          }),
        );
        expect(text).not.toMatch(/flush|[^\x20-\x7e\n]/);
        expect(text.split('{').length).toBe(text.split('}').length);
      }),
    );
  });

  it('leaves out the rules and closes the ports that the kernel refused', () => {
    const rule = ruleOf('ingress', { protocol: 'tcp' });
    const input = inputOf({ securityGroups: [groupOf(GROUP, [rule])] });
    const excluded = new Set([`group ${GROUP} rule ${rule.id}`, `port ${port.id}`]);
    const rendered = renderFirewall({ ...input, excluded });
    const text = scriptText(rendered);
    expect(text).not.toContain('meta l4proto 6');
    expect(text).toMatch(/chain s_70\w+ \{\nmeta mark set 0x\w+\ndrop\n\}/);
    expect(rendered.problems.map((problem) => problem.code)).toContain('network.port.refused');
  });

  it('changes for one more port only what belongs to it', () => {
    const other = portOf(uuid('q'), NETWORK, 'fa:16:3e:00:00:02', [], { securityGroupIds: [GROUP] });
    const before = renderFirewall(inputOf());
    const after = renderFirewall(inputOf({ ports: [port, other] }));
    const lines = differenceScript(before.tables, after.tables, after.hash).map((line) => line.text);
    expect(lines.filter((line) => line.startsWith('flush chain')).map((line) => line.split(' ').at(-1))).toEqual([
      'stamp',
      'stamp',
    ]);
    expect(lines.filter((line) => line.startsWith('delete'))).toEqual([]);
    const back = differenceScript(after.tables, before.tables, before.hash);
    expect(back.filter((line) => line.text.startsWith('delete chain')).length).toBe(5);
  });
});
