import ipaddr from 'ipaddr.js';

/** What an operator allows downloads to reach besides the public internet. */
export interface DownloadRules {
  /** Ports that may be asked. glance's default is 80 and 443. */
  readonly ports: readonly number[];
  /** Hosts by name or address that may be asked although their addresses are not public: a mirror in the own network. */
  readonly trustedHosts: readonly string[];
}

/** Longest address of a download. Longer ones are no file's. */
const MAX_URI_LENGTH = 2_048;

/**
 * Whether a download may be tried at all, before any name is looked up; undefined when not.
 * `URL` reads `2130706433`, `0x7f000001` and `0177.1` as the addresses that they are.
 */
export function parseDownloadUri(uri: unknown, rules: DownloadRules): URL | undefined {
  if (typeof uri !== 'string' || uri.length > MAX_URI_LENGTH || !URL.canParse(uri)) return undefined;
  const url = new URL(uri);
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const isFine =
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.username === '' &&
    url.password === '' &&
    rules.ports.includes(port);
  if (!isFine || url.hostname === '') return undefined;
  const literal = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return ipaddr.isValid(literal) && !isTrusted(url.hostname, rules) && !isPublicAddress(literal) ? undefined : url;
}

/** Whether an operator has named this host. */
export function isTrusted(hostname: string, { trustedHosts }: DownloadRules): boolean {
  return trustedHosts.includes(hostname.toLowerCase()) || trustedHosts.includes(hostname.replace(/^\[(.*)\]$/, '$1'));
}

/**
 * Whether an address belongs to the public internet: no loopback, link-local, private, shared, multicast or
 * documentation range, and none that carries an IPv4 address inside.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // `::ffff:127.0.0.1` is 127.0.0.1.
  return ipaddr.process(address).range() === 'unicast';
}
