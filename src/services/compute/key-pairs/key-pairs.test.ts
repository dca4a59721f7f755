import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ComputeUnderTest, startCompute } from '#tests/api/compute.ts';
import { generateCertificate } from './certificates.ts';
import { certificateFingerprint, generateSshKey, sshFingerprint } from './keys.ts';

let compute: ComputeUnderTest;
beforeEach(async () => {
  compute = await startCompute();
});
afterEach(() => compute.close());

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBl9aJnfGmMmYyuMFkgZ2b4CvTqeUQ0OSyWFY8yO3y1Z someone@somewhere';
const add = (keypair: object, how: object = {}) =>
  compute.ask('POST /v2.1/os-keypairs', { as: 'member', body: { keypair }, ...how });

describe('key pairs', () => {
  it('are imported, listed, shown and deleted', async () => {
    const made = await add({ name: 'mine', public_key: ED25519 });
    expect([made.status, made.body.keypair]).toMatchObject([
      201,
      { name: 'mine', type: 'ssh', public_key: ED25519, user_id: 'b'.repeat(32) },
    ]);
    expect(made.body.keypair.private_key).toBeUndefined();
    const list = await compute.ask('GET /v2.1/os-keypairs', { as: 'member' });
    expect(list.body.keypairs).toEqual([
      { keypair: { name: 'mine', type: 'ssh', public_key: ED25519, fingerprint: made.body.keypair.fingerprint } },
    ]);
    const shown = await compute.ask('GET /v2.1/os-keypairs/mine', { as: 'member' });
    expect(shown.body.keypair).toMatchObject({ deleted: false, deleted_at: null, updated_at: null, id: 1 });
    expect((await compute.ask('DELETE /v2.1/os-keypairs/mine', { as: 'member' })).status).toBe(204);
    const gone = await compute.ask('DELETE /v2.1/os-keypairs/mine', { as: 'member' });
    expect([gone.status, gone.body.itemNotFound.message]).toEqual([
      404,
      `Keypair mine not found for user ${'b'.repeat(32)}`,
    ]);
  });

  it('are made where no key is given, before 2.92', async () => {
    const old = await add({ name: 'made' }, { version: '2.1' });
    expect(old.status).toBe(200);
    expect(old.body.keypair.private_key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
    expect(old.body.keypair.type).toBeUndefined();
    const fresh = await add({ name: 'x' });
    expect([fresh.status, fresh.body.badRequest.message]).toEqual([
      400,
      "Invalid input for field/attribute keypair. Value: {'name': 'x'}. 'public_key' is a required property",
    ]);
  });

  it('are each user’s own, and of others only for administrators from 2.10 on', async () => {
    const user = 'f'.repeat(32);
    expect((await add({ name: 'a', public_key: ED25519, user_id: user })).status).toBe(403);
    expect((await add({ name: 'a', public_key: ED25519, user_id: user }, { as: 'admin' })).status).toBe(201);
    expect((await compute.ask(`GET /v2.1/os-keypairs?user_id=${user}`, { as: 'admin' })).body.keypairs).toHaveLength(1);
    expect((await compute.ask(`GET /v2.1/os-keypairs?user_id=${user}`, { as: 'member' })).status).toBe(403);
    expect((await compute.ask('GET /v2.1/os-keypairs', { as: 'admin' })).body.keypairs).toHaveLength(0);
    expect(
      (await compute.ask(`DELETE /v2.1/os-keypairs/a?user_id=${user}`, { as: 'admin', version: '2.10' })).status,
    ).toBe(204);
  });

  it('of the same name are refused with 409', async () => {
    await add({ name: 'a', public_key: ED25519 });
    const again = await add({ name: 'a', public_key: ED25519 });
    expect([again.status, again.body.conflictingRequest.message]).toEqual([409, "Key pair 'a' already exists."]);
  });

  it('are paged from 2.35 on', async () => {
    for (const name of ['c', 'a', 'b']) await add({ name, public_key: ED25519 });
    const page = await compute.ask('GET /v2.1/os-keypairs?limit=2', { as: 'member' });
    expect(page.body.keypairs.map(({ keypair }: { keypair: { name: string } }) => keypair.name)).toEqual(['a', 'b']);
    expect(page.body.keypairs_links[0].href).toContain('marker=b');
    const rest = await compute.ask('GET /v2.1/os-keypairs?limit=2&marker=b', { as: 'member' });
    expect(rest.body.keypairs).toHaveLength(1);
    expect((await compute.ask('GET /v2.1/os-keypairs?marker=nope', { as: 'member' })).status).toBe(400);
  });

  it('are refused beyond the quota', async () => {
    await compute.db
      .insertInto('quota_limits')
      .values({ project_id: 'class:default', user_id: '', resource: 'key_pairs', limit_value: 1 })
      .execute();
    expect((await add({ name: 'a', public_key: ED25519 })).status).toBe(201);
    const { status, body } = await add({ name: 'b', public_key: ED25519 });
    expect([status, body.forbidden.message]).toEqual([403, 'Quota exceeded, too many key pairs.']);
  });

  it.each([
    [{ name: 'a', public_key: 'ssh-rsa JUNK' }, 'Keypair data is invalid: failed to generate fingerprint'],
    [{ name: 'a', public_key: '' }, 'failed to generate fingerprint'],
    [{ name: 'a', public_key: ED25519.replace('ssh-ed25519', 'ssh-rsa') }, 'failed to generate fingerprint'],
    [{ name: 'a', public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA//8=' }, 'failed to generate fingerprint'],
    [{ name: 'a', type: 'x509', public_key: 'no certificate' }, 'failed to generate X509 fingerprint'],
    [{ name: 'a', type: 'pgp', public_key: ED25519 }, "'pgp' is not one of ['ssh', 'x509']"],
    [{ name: '', public_key: ED25519 }, 'too short'],
    [{ name: ' a', public_key: ED25519 }, "An invalid 'name' value was provided."],
    [{ name: 'a/../b', public_key: ED25519 }, "An invalid 'name' value was provided."],
    [{ name: 'a'.repeat(256), public_key: ED25519 }, 'too long'],
    [{ public_key: ED25519 }, "'name' is a required property"],
  ])('with bad data are refused: %.80j', async (keypair, sentence) => {
    const { status, body } = await add(keypair);
    expect([status, body.badRequest?.message]).toEqual([400, expect.stringContaining(sentence)]);
    expect((await compute.ask('GET /v2.1/os-keypairs', { as: 'member' })).body.keypairs).toEqual([]);
  });
});

describe('a generated key', () => {
  it('is one that OpenSSH takes, with the same fingerprint', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pileus-key-'));
    try {
      const { privateKey, publicKey, fingerprint } = await generateSshKey();
      writeFileSync(join(folder, 'key'), privateKey, { mode: 0o600 });
      const derived = execFileSync('ssh-keygen', ['-y', '-f', join(folder, 'key')], { encoding: 'utf8' }).trim();
      expect(publicKey.startsWith(derived)).toBe(true);
      writeFileSync(join(folder, 'key.pub'), publicKey);
      const shown = execFileSync('ssh-keygen', ['-l', '-E', 'md5', '-f', join(folder, 'key.pub')], {
        encoding: 'utf8',
      });
      expect(shown).toContain(`MD5:${fingerprint}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each(['rsa', 'ed25519', 'ecdsa'])('of type %s from OpenSSH is taken', (type) => {
    const folder = mkdtempSync(join(tmpdir(), 'pileus-key-'));
    try {
      execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', join(folder, 'key')]);
      const publicKey = execFileSync('cat', [join(folder, 'key.pub')], { encoding: 'utf8' });
      const shown = execFileSync('ssh-keygen', ['-l', '-E', 'md5', '-f', join(folder, 'key.pub')], {
        encoding: 'utf8',
      });
      expect(shown).toContain(`MD5:${sshFingerprint(publicKey)}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('as a certificate is one that OpenSSL takes, with its key in PKCS #12', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pileus-key-'));
    try {
      const made = await generateCertificate('user', new Date());
      writeFileSync(join(folder, 'both.p12'), Buffer.from(made.privateKey, 'base64'));
      writeFileSync(join(folder, 'cert.pem'), made.publicKey);
      const shown = execFileSync(
        'openssl',
        ['x509', '-in', join(folder, 'cert.pem'), '-noout', '-subject', '-ext', 'extendedKeyUsage,subjectAltName'],
        { encoding: 'utf8' },
      );
      expect(shown).toMatch(/CN = user[\s\S]*TLS Web Client Authentication[\s\S]*UPN::user@localhost/);
      const verified = execFileSync(
        'openssl',
        ['verify', '-CAfile', join(folder, 'cert.pem'), join(folder, 'cert.pem')],
        {
          encoding: 'utf8',
        },
      );
      expect(verified).toContain('OK');
      const unpacked = execFileSync(
        'openssl',
        ['pkcs12', '-in', join(folder, 'both.p12'), '-nodes', '-password', 'pass:'],
        { encoding: 'utf8' },
      );
      expect(unpacked).toContain('BEGIN PRIVATE KEY');
      expect(unpacked).toContain(made.publicKey.split('\n')[1]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('as a certificate has the SHA-1 that openssl prints', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pileus-key-'));
    try {
      const pem = join(folder, 'cert.pem');
      const make = ['req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-subj', '/CN=x', '-out', pem];
      execFileSync('openssl', [...make, '-keyout', join(folder, 'key.pem')], { stdio: 'ignore' });
      const text = execFileSync('cat', [pem], { encoding: 'utf8' });
      const shown = execFileSync('openssl', ['x509', '-in', pem, '-noout', '-fingerprint', '-sha1'], {
        encoding: 'utf8',
      });
      expect(shown.trim().toLowerCase()).toContain(certificateFingerprint(text));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
