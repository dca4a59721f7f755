import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseMysqlUrl, redactUrl } from './address.ts';

describe("a database's address", () => {
  it('names servers in the order of preference', () => {
    expect(parseMysqlUrl('mysql://me:s%40crt@db1,db2:3307,[2001:db8::1]:3308/cloud')).toEqual({
      servers: [
        { host: 'db1', port: 3306 },
        { host: 'db2', port: 3307 },
        { host: '2001:db8::1', port: 3308 },
      ],
      user: 'me',
      password: 's@crt',
      database: 'cloud',
    });
  });

  it('names a socket, and a file that has the password', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pileus-address-'));
    writeFileSync(join(folder, 'password'), 'secret\n');
    const url = `mysql://me@localhost/cloud?socket=/run/db.sock&password_file=${folder}/password`;
    expect(parseMysqlUrl(url)).toMatchObject({ servers: [{ socketPath: '/run/db.sock' }], password: 'secret' });
    rmSync(folder, { recursive: true });
  });

  it.each([
    'postgres://me:secret@db/cloud',
    'MYSQL://me:secret@db/cloud',
    'mysql:/me:secret@db/cloud',
    'me:secret@db/cloud',
    'mysql://me:secret@/cloud',
    'mysql://me:secret@db',
    'mysql://me:secret@db/cloud?sslmode=off',
    'mysql://me:secret@a:b:c/cloud',
    'mysql://me:secret@1,2,3,4,5,6,7,8,9,10/cloud',
  ])('that is none is refused without telling its password: %s', (url) => {
    expect(() => parseMysqlUrl(url)).toThrow(/^(?!.*secret).*$/s);
  });

  it('is shown without its password, whatever that has in it', () => {
    expect(redactUrl('mysql://me:p@ss:w/rd@db/cloud')).toBe('mysql://me:***@db/cloud');
    expect(redactUrl('mysql://me@db/cloud')).toBe('mysql://me@db/cloud');
  });
});
