import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import {
  canonicalAddress,
  cidrHas,
  cidrsOverlap,
  formatAddress,
  formatCidr,
  isIpv4,
  isIpv6,
  parseAddress,
  parseCidr,
} from './net.ts';

describe('addresses', () => {
  it.each(['010.0.0.1', '10.1', '1.2.3.4.5', '256.1.1.1', '0x7f.1.1.1', '1.2.3.4\n', ''])(
    'refuses %j as IPv4',
    (text) => {
      expect(isIpv4(text)).toBe(false);
    },
  );

  it.each(['fe80::1%eth0', '::1/64', ':', '1::2::3', ''])('refuses %j as IPv6', (text) => {
    expect(isIpv6(text)).toBe(false);
  });

  it('writes IPv6 in its shortest form', () => {
    expect(canonicalAddress('2001:0db8:0:0:0:0:0:1')).toBe('2001:db8::1');
  });

  it('clears host bits of a range', () => {
    const cidr = parseCidr('10.1.2.3/16');
    expect(cidr && formatCidr(cidr)).toBe('10.1.0.0/16');
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '::/129', 'x/8'])('refuses %j as a range', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  it('knows what is inside, and that families never mix', () => {
    const cidr = parseCidr('10.0.0.0/30');
    if (cidr === undefined) throw new Error('unreachable');
    expect(['10.0.0.0', '10.0.0.3', '10.0.0.4', '::a00:1'].map((text) => cidrHas(cidr, text))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    const other = parseCidr('::/0');
    expect(other && cidrsOverlap(cidr, other)).toBe(false);
  });
});

describe('IPv4 addresses', () => {
  it('are what ipaddr.js calls four decimal parts, without leading zeros', () => {
    const part = fc.oneof(fc.nat(300).map(String), fc.constantFrom('00', '01', '', ' 1', '1e1', '-1', '٣'));
    fc.assert(
      fc.property(fc.array(part, { minLength: 3, maxLength: 5 }), (parts) => {
        const text = parts.join('.');
        const isOne = ipaddr.IPv4.isValidFourPartDecimal(text) && !/(?:^|\.)0\d/.test(text);
        expect(isIpv4(text)).toBe(isOne);
        if (isOne) expect(formatAddress(4, parseAddress(text)?.value ?? -1n)).toBe(text);
      }),
    );
  });
});
