import { readFileSync } from 'node:fs';

/** One server of the database: by TCP, or by its socket on this machine. */
export type MysqlServer = { readonly host: string; readonly port: number } | { readonly socketPath: string };

/** Where a MariaDB database is, and who may use it. */
export interface MysqlOptions {
  /** In order of preference: all controllers use the first that is ready. Nodes of one Galera cluster, or one server. */
  readonly servers: readonly MysqlServer[];
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The certificate authority's PEM text; with it connections are encrypted and the servers' names checked. */
  readonly ca?: string;
}

const DEFAULT_PORT = 3306;
/** A cluster has three or five nodes; more in a list are a mistake. */
const MAX_SERVERS = 9;
const FORM =
  'mysql://user[:password]@host[:port][,host[:port]…]/database, or mysql://user@localhost/database?socket=/path';
/** user, password, servers, database, options */
const ADDRESS = /^(?:mysql|mariadb):\/\/([^:@/?]+)(?::([^@/]*))?@([^/?]+)\/([A-Za-z0-9_$-]{1,64})(?:\?(.*))?$/;

/**
 * Reads `mysql://user:password@host:port,host:port/database`. Options: `socket` (a path, instead of the hosts),
 * `password_file` (instead of a password in the address), `ca` (a file: encrypt, and check the servers' names).
 * @throws {Error} saying what is wrong, without the password.
 */
export function parseMysqlUrl(url: string): MysqlOptions {
  const match = ADDRESS.exec(url);
  if (match === null) throw new Error(`this is no address of a database: ${redactUrl(url)}; its form is ${FORM}`);
  const [, user = '', password, hosts = '', database = '', query] = match;
  const options = new URLSearchParams(query ?? '');
  const { socket, password_file: passwordFile, ca, ...unknown } = Object.fromEntries(options);
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined)
    throw new Error(`the database's address has an unknown option: ${stranger}; there are socket, password_file, ca`);
  return {
    servers: socket === undefined ? readServers(hosts) : [{ socketPath: socket }],
    user: decodeURIComponent(user),
    password:
      passwordFile === undefined ? decodeURIComponent(password ?? '') : readFileSync(passwordFile, 'utf8').trim(),
    database,
    ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }),
  };
}

/** The address without its password, for messages and logs; whatever looks like one is taken for one where the address is mistyped. */
export function redactUrl(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/?]*|(?![a-z]+:\/\/)[^:@/?]*):.*@/i, '$1:***@');
}

function readServers(hosts: string): MysqlServer[] {
  const servers = hosts.split(',').map(readServer);
  if (servers.length > MAX_SERVERS) throw new Error(`the database's address names more than ${MAX_SERVERS} servers`);
  return servers;
}

/** `db1`, `db1:3307`, `[2001:db8::1]:3306` */
function readServer(text: string): MysqlServer {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw new Error(`the database's address has no proper host: ${text}`);
  return { host, port: Number(port ?? DEFAULT_PORT) };
}
