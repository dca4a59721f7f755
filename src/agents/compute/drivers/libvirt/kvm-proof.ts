import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { type Exec, ExecError } from '#kernel/exec.ts';
import { writeFileAtomic } from '#kernel/files.ts';

/**
 * `kvm-proof.S`, assembled: enters 64-bit mode, uses instructions that stock kernels need and half-emulated KVMs fail
 * at, moves as much memory as unpacking a kernel does, and leaves through QEMU's debug port with 0x2a.
 */
const KERNEL = [
  '02b0ad1b00000100fe4f51e400001000000010000e0110000000000020001000fabf000020000f22df31c0b9000c0000f3abc705',
  '0000200003102000c7050010200003202000bf00202000b883000000b900020000890783c7080500002000e2f40f20e00d200600',
  '000f22e0b9800000c00f320d000100000f300f20c083e0fb0d030000800f22c00f011508011000ea960010000800b8100000008e',
  'd88ec08ed0bc00003000bf0000310031c031d231db31c9f0480fc70f0fae070fae0fb900000001be0000400089c825fcff0f0001',
  '0406331406525bffc975edb82a000000baf4000000eff4ebfd0f1f80000000000000000000000000ffff0000009aaf00ffff0000',
  '0092cf001700f0001000',
].join('');
/** What QEMU exits with when a guest writes 0x2a to its debug port. */
const PROVED_EXIT_CODE = (0x2a << 1) | 1;
/** Real KVM needs a tenth of a second; a KVM that emulates would need minutes to boot what this boots. */
const PROOF_MS = 3_000;

export interface KvmVerdict {
  readonly isUsable: boolean;
  /** Why not, for people. */
  readonly reason: string;
}

/**
 * Whether guests can really run under KVM. That `/dev/kvm` can be opened, or that libvirt advertises KVM, says little: a
 * small kernel is booted and must finish in time. The verdict is kept in `folder` for this host kernel and QEMU.
 */
export async function proveKvm(
  parts: { readonly exec: Exec; readonly folder: string },
  signal?: AbortSignal,
): Promise<KvmVerdict> {
  const file = join(parts.folder, 'kvm-verdict.json');
  const version = await parts.exec.check({ argv: [QEMU, '--version'] }, signal);
  const key = `${release()} ${version.split('\n')[0]} ${KERNEL.length}`;
  const kept = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as KvmVerdict & { key: string },
    () => undefined,
  );
  if (kept?.key === key) return kept;
  const verdict = await tryKvm(parts, signal);
  await writeFileAtomic(file, JSON.stringify({ key, ...verdict }));
  return verdict;
}

const QEMU = 'qemu-system-x86_64';

/** Boots the kernel with an accelerator; under `tcg` it shows that the proof itself is sound. */
export async function bootProof(
  parts: { readonly exec: Exec; readonly folder: string },
  accelerator: 'kvm' | 'tcg',
  signal?: AbortSignal,
): Promise<KvmVerdict> {
  const kernel = join(parts.folder, 'kvm-proof.bin');
  await writeFileAtomic(kernel, Buffer.from(KERNEL, 'hex'));
  const machine = ['-accel', accelerator, '-M', 'pc', '-cpu', accelerator === 'kvm' ? 'host' : 'qemu64', '-m', '32'];
  const nothing = ['-display', 'none', '-nodefaults', '-no-user-config', '-no-reboot'];
  const argv = [
    QEMU,
    ...machine,
    ...nothing,
    '-device',
    'isa-debug-exit,iobase=0xf4,iosize=4',
    '-kernel',
    kernel,
  ] as const;
  try {
    const { exitCode, stderr } = await parts.exec.run({ argv: [...argv], timeoutMs: PROOF_MS }, signal);
    if (exitCode === PROVED_EXIT_CODE) return { isUsable: true, reason: '' };
    return { isUsable: false, reason: `QEMU ended with ${exitCode}: ${stderr.trim().split('\n')[0] ?? ''}` };
  } catch (error) {
    if (!(error instanceof ExecError) || error.code !== 'exec.timeout') throw error;
    return { isUsable: false, reason: `A small kernel did not finish within ${PROOF_MS / 1000} s.` };
  }
}

async function tryKvm(
  parts: { readonly exec: Exec; readonly folder: string },
  signal?: AbortSignal,
): Promise<KvmVerdict> {
  if (process.arch !== 'x64') {
    const isThere = await readFile('/dev/kvm').then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
    );
    return { isUsable: isThere, reason: isThere ? '' : 'There is no /dev/kvm.' };
  }
  return bootProof(parts, 'kvm', signal);
}
