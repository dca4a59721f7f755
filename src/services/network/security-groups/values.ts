/** Values of security group rules. @see neutron/extensions/securitygroup.py */
import { ICMP, ICMPV6, IP_PROTOCOLS } from '#kernel/ip-protocols.ts';
import { formatAddress, formatCidr, parseAddress, parseCidr } from '#kernel/net.ts';
import { badRequest } from '../errors.ts';
import { type AttributeType, shown } from '../resources/types.ts';

const ANY = new Set<unknown>(['any', '-1', -1, null, '']);

export const protocol: AttributeType<string | null> = {
  schema: { type: ['string', 'integer', 'null'] },
  read: (value) => {
    if (ANY.has(value)) return null;
    const text = typeof value === 'number' || typeof value === 'string' ? String(value).toLowerCase() : '';
    if (/^\d{1,3}$/.test(text) && Number(text) <= 255) return String(Number(text));
    if (Object.hasOwn(IP_PROTOCOLS, text)) return text;
    throw badRequest(
      'SecurityGroupRuleInvalidProtocol',
      `Security group rule protocol ${shown(value)} not supported. Only protocol values [None, ${Object.keys(IP_PROTOCOLS).join(', ')}] and integer representations [0 to 255] are supported.`,
    );
  },
};

export const ethertype: AttributeType<'IPv4' | 'IPv6'> = {
  schema: { enum: ['IPv4', 'IPv6'] },
  read: (value) => {
    const text = typeof value === 'string' ? value.toLowerCase() : '';
    if (text === 'ipv4') return 'IPv4';
    if (text === 'ipv6') return 'IPv6';
    throw badRequest(
      'SecurityGroupRuleInvalidEtherType',
      `Security group rule for ethertype '${shown(value)}' not supported. Allowed values are ['IPv4', 'IPv6'].`,
    );
  },
};

/** A port, or an ICMP type or code. */
export const port: AttributeType<number | null> = {
  schema: { type: ['integer', 'string', 'null'] },
  read: (value) => {
    if (value === null) return null;
    const number = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
    throw badRequest('SecurityGroupInvalidPortValue', `Invalid value for port ${shown(value)}`);
  },
};

/** A prefix as it was given, host bits and all; a lone address is a prefix of itself. */
export const remotePrefix: AttributeType<string | null> = {
  schema: { type: ['string', 'null'], format: 'cidr' },
  read: (value) => {
    if (value === null || value === '') return null;
    const text = typeof value === 'string' ? value : '';
    const [address = '', length] = text.split('/', 2);
    const parsed = parseAddress(address);
    const isWhole = length === undefined ? parsed !== undefined : parseCidr(text) !== undefined;
    if (parsed === undefined || !isWhole)
      throw badRequest('InvalidCIDR', `Invalid CIDR ${shown(value)} given as IP prefix.`);
    return `${formatAddress(parsed.version, parsed.value)}/${length === undefined ? (parsed.version === 4 ? 32 : 128) : Number(length)}`;
  },
};

/** The prefix with its host bits cleared. */
export function normalizedCidr(prefix: string | null): string | null {
  const cidr = prefix === null ? undefined : parseCidr(prefix);
  return cidr === undefined ? null : formatCidr(cidr);
}

/** One name for what is the same protocol: its number. IPv6's ICMP is 58, also when called `icmp`. */
export function protocolNumber(name: string | null, type: 'IPv4' | 'IPv6'): number | null {
  if (name === null) return null;
  const number = /^\d+$/.test(name) ? Number(name) : (IP_PROTOCOLS[name] ?? null);
  return number === ICMP && type === 'IPv6' ? ICMPV6 : number;
}
