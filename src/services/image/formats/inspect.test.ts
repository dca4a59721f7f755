import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISK_FORMATS, type DiskFormat, HEAD_BYTES } from './format.ts';
import { ImageInspector, type Inspection } from './inspect.ts';

let directory: string;
const MIB = 1024 * 1024;

function qemuImg(...args: string[]): string {
  return execFileSync('qemu-img', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function inspect(bytes: Buffer, declared: DiskFormat, chunkBytes = 64 * 1024): Inspection {
  const inspector = new ImageInspector(declared);
  for (let at = 0; at < bytes.length; at += chunkBytes) inspector.push(bytes.subarray(at, at + chunkBytes));
  return inspector.finish();
}

/** Makes an image of a 3 MiB disk with QEMU's own tool and returns its bytes. */
function convert(format: string, ...options: string[]): Buffer {
  const name = `${format}-${options.join('-').replaceAll(/[^a-z0-9]/gi, '_')}.img`;
  qemuImg('convert', '-f', 'raw', '-O', format, ...options.flatMap((option) => ['-o', option]), 'disk.raw', name);
  return readFileSync(join(directory, name));
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pileus-formats-'));
  writeFileSync(join(directory, 'disk.raw'), Buffer.alloc(64 * 1024, 'pileus'));
  truncateSync(join(directory, 'disk.raw'), 3 * MIB);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('images made by qemu-img', () => {
  it.each([
    ['qcow2', 'qcow2', []],
    ['qcow2', 'qcow2', ['compat=0.10']],
    ['qcow2', 'qcow2', ['cluster_size=2M']],
    ['qcow2', 'qcow2', ['extended_l2=on']],
    ['vmdk', 'vmdk', ['subformat=monolithicSparse']],
    ['vmdk', 'vmdk', ['subformat=streamOptimized']],
    ['vdi', 'vdi', []],
    ['vdi', 'vdi', ['static=on']],
    ['vhdx', 'vhdx', []],
    ['vhdx', 'vhdx', ['subformat=fixed']],
    ['vpc', 'vhd', ['force_size=on']],
    ['vpc', 'vhd', ['subformat=fixed', 'force_size=on']],
    ['parallels', 'ploop', []],
  ] as const)('%s is found to be %s of 3 MiB (%j)', (qemuName, declared, options) => {
    const bytes = convert(qemuName, ...options);
    for (const chunkBytes of [512, 4096, 65_536, bytes.length]) {
      expect(inspect(bytes, declared, chunkBytes)).toEqual({
        format: declared,
        virtualSizeBytes: 3 * MIB,
        isAsDeclared: true,
        refusal: undefined,
      });
    }
  });

  it.each(['qcow2', 'vmdk', 'vdi', 'vhdx', 'vpc', 'qed', 'parallels'])(
    '%s is refused when it is declared as raw',
    (qemuName) => {
      expect(inspect(convert(qemuName), 'raw').refusal?.code).toMatch(/^image\.content\.(mismatch|qed)$/);
    },
  );

  it.each(['monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat'])(
    'a VMDK of kind %s is refused',
    (subformat) => {
      expect(inspect(convert('vmdk', `subformat=${subformat}`), 'vmdk').refusal?.code).toBe('image.content.vmdk_kind');
    },
  );

  it('a qcow2 with a backing file is refused, whatever it was declared as', () => {
    qemuImg('create', '-f', 'qcow2', '-b', 'disk.raw', '-F', 'raw', 'backed.qcow2');
    const bytes = readFileSync(join(directory, 'backed.qcow2'));
    for (const declared of DISK_FORMATS)
      expect(inspect(bytes, declared).refusal?.code, declared).toBe('image.content.backing_file');
  });

  it('a qcow2 with an external data file is refused, and also when only its name is there', () => {
    qemuImg('create', '-f', 'qcow2', '-o', 'data_file=data.raw,data_file_raw=on', 'external.qcow2', '3M');
    const bytes = readFileSync(join(directory, 'external.qcow2'));
    expect(inspect(bytes, 'qcow2').refusal?.code).toBe('image.content.data_file');
    bytes.writeBigUInt64BE(0n, 72);
    expect(inspect(bytes, 'qcow2').refusal?.code).toBe('image.content.data_file');
  });

  it('a VMDK with a parent is refused', () => {
    convert('vmdk', 'subformat=monolithicSparse');
    qemuImg('create', '-f', 'vmdk', '-b', 'vmdk-subformat_monolithicSparse.img', '-F', 'vmdk', 'child.vmdk');
    expect(inspect(readFileSync(join(directory, 'child.vmdk')), 'vmdk').refusal?.code).toBe(
      'image.content.backing_file',
    );
  });

  it('a VMDK header without capacity is refused, as QEMU would open the files that its descriptor names', () => {
    const bytes = convert('vmdk');
    bytes.writeBigUInt64LE(0n, 12);
    expect(inspect(bytes, 'vmdk').refusal?.code).toBe('image.content.vmdk_kind');
  });

  it('a VMDK whose descriptor names a host file is refused', () => {
    const bytes = convert('vmdk');
    const text = bytes
      .subarray(512, 2048)
      .toString('latin1')
      .replace(/"[^"]*\.img"/, '"/etc/shadow"');
    bytes.write(text, 512, 1536, 'latin1');
    expect(inspect(bytes, 'vmdk').refusal?.code).toBe('image.content.extent');
  });

  it('a streamOptimized VMDK whose real header is a footer is read, and refused when the two disagree', () => {
    const image = convert('vmdk', 'subformat=streamOptimized');
    const [marker, footer, end] = [Buffer.alloc(512), Buffer.from(image.subarray(0, 512)), Buffer.alloc(512)];
    marker.writeUInt32LE(3, 12);
    image.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 56);
    expect(inspect(Buffer.concat([image, marker, footer, end]), 'vmdk')).toMatchObject({
      virtualSizeBytes: 3 * MIB,
      refusal: undefined,
    });
    expect(inspect(image, 'vmdk').refusal?.code).toBe('image.content.footer');
    footer.writeBigUInt64LE(0n, 12);
    expect(inspect(Buffer.concat([image, marker, footer, end]), 'vmdk').refusal?.code).toBe('image.content.footer');
  });

  it('a qcow2 of 10 TB is stored with that size, for the flavor check to see', () => {
    qemuImg('create', '-f', 'qcow2', 'huge.qcow2', '10T');
    expect(inspect(readFileSync(join(directory, 'huge.qcow2')), 'qcow2').virtualSizeBytes).toBe(10 * 1024 ** 4);
  });

  it('a qcow2 that claims more than its tables describe is refused', () => {
    const bytes = convert('qcow2');
    bytes.writeBigUInt64BE(1n << 60n, 24);
    expect(inspect(bytes, 'qcow2').refusal?.code).toBe('image.content.geometry');
  });
});

describe('other contents', () => {
  const disc = Buffer.alloc(64 * 1024);
  disc.write('\x01CD001\x01', 32 * 1024, 'latin1');
  disc.writeUInt32LE(32, 32 * 1024 + 80);
  disc.writeUInt16LE(2048, 32 * 1024 + 128);

  it('an ISO 9660 disc is measured by its volume descriptor', () => {
    expect(inspect(disc, 'iso')).toMatchObject({ format: 'iso', virtualSizeBytes: 32 * 2048, isAsDeclared: true });
  });

  it('a hybrid disc with a partition table is still a disc', () => {
    const hybrid = Buffer.from(disc);
    hybrid.writeUInt16LE(0xaa55, 510);
    expect(inspect(hybrid, 'iso')).toMatchObject({ format: 'iso', isAsDeclared: true, refusal: undefined });
    expect(inspect(hybrid, 'raw')).toMatchObject({
      virtualSizeBytes: 64 * 1024,
      isAsDeclared: true,
      refusal: undefined,
    });
  });

  it('a disc that hides a qcow2 header is refused', () => {
    const both = Buffer.from(disc);
    convert('qcow2').copy(both, 0, 0, 512);
    for (const declared of DISK_FORMATS) expect(inspect(both, declared).refusal, declared).toBeDefined();
  });

  it.each([
    ['qcow2', 'qcow2', 100],
    ['vmdk', 'vmdk', 1000],
    ['vdi', 'vdi', 500],
    ['vhdx', 'vhdx', 250_000],
    ['vpc', 'vhd', 500],
    ['parallels', 'ploop', 60],
  ] as const)(
    'a %s image that ends anywhere in its header is never taken for a %s',
    (qemuName, declared, headerBytes) => {
      const whole = convert(qemuName);
      for (let length = 1; length <= headerBytes; length = Math.ceil(length * 1.3)) {
        const { isAsDeclared, refusal } = inspect(whole.subarray(0, length), declared);
        expect(refusal !== undefined || !isAsDeclared, `${length} bytes`).toBe(true);
      }
    },
  );

  it.each(['qcow2', 'qed', 'vmdk', 'vdi', 'vhdx', 'vpc', 'parallels'])(
    'a disc that is a %s image too is refused under every label',
    (qemuName) => {
      const bytes = Buffer.alloc(64 * 1024);
      convert(qemuName).copy(bytes, 0, 0, 32 * 1024);
      bytes.write('\u0001CD001\u0001', 32 * 1024, 'latin1');
      for (const declared of DISK_FORMATS) expect(inspect(bytes, declared).refusal, declared).toBeDefined();
    },
  );

  it('a header that claims more than there can be is refused before anything is made of that size', () => {
    const claims: [string, DiskFormat, (image: Buffer) => unknown][] = [
      ['qcow2', 'qcow2', (image) => image.writeUInt32BE(0xffff_ffff, 36)],
      ['qcow2', 'qcow2', (image) => image.writeUInt32BE(63, 20)],
      ['vmdk', 'vmdk', (image) => image.writeBigUInt64LE(0xffff_ffff_ffffn, 36)],
      ['vmdk', 'vmdk', (image) => image.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 12)],
      ['vhdx', 'vhdx', (image) => image.writeUInt32LE(0xffff_ffff, 192 * 1024 + 8)],
      ['vdi', 'vdi', (image) => image.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 0x170)],
      ['vpc', 'vhd', (image) => image.writeBigUInt64BE(0xffff_ffff_ffff_ffffn, 48)],
    ];
    for (const [qemuName, declared, spoil] of claims) {
      const image = convert(qemuName);
      spoil(image);
      expect(inspect(image, declared).refusal, declared).toBeDefined();
    }
  });

  it('raw content counts its own bytes, partitioned or not', () => {
    expect(inspect(Buffer.alloc(1_000_000, 7), 'raw')).toEqual({
      format: 'raw',
      virtualSizeBytes: 1_000_000,
      isAsDeclared: true,
      refusal: undefined,
    });
    const mbr = Buffer.alloc(MIB);
    mbr.writeUInt16LE(0xaa55, 510);
    expect(inspect(mbr, 'raw')).toMatchObject({
      format: 'partitioned',
      virtualSizeBytes: MIB,
      isAsDeclared: true,
      refusal: undefined,
    });
    expect(inspect(mbr, 'qcow2').refusal?.message).toContain('set disk_format to raw');
  });

  it('content without any signature is stored under a structured format, but is not as declared', () => {
    expect(inspect(Buffer.alloc(5000, 'x'), 'qcow2')).toEqual({
      format: 'raw',
      virtualSizeBytes: null,
      isAsDeclared: false,
      refusal: undefined,
    });
  });

  it('the reason is known before the rest of the file has come', () => {
    const inspector = new ImageInspector('raw');
    inspector.push(convert('qcow2').subarray(0, HEAD_BYTES));
    expect(inspector.refusal?.code).toBe('image.content.mismatch');
  });

  it('an empty file is raw', () => {
    expect(new ImageInspector('raw').finish()).toMatchObject({ format: 'raw', virtualSizeBytes: 0 });
  });
});

describe('any bytes at all', () => {
  const magic = fc.constantFrom(
    Buffer.from('514649fb00000003', 'hex'),
    Buffer.from('KDMV\x01\0\0\0', 'latin1'),
    Buffer.from('conectix'),
    Buffer.from('vhdxfile'),
    Buffer.from('WithouFreSpacExt'),
    Buffer.from('# Disk DescriptorFile\nversion=1\ncreateType="monolithicSparse"\nRW 1 FLAT "/etc/passwd" 0\n'),
    Buffer.alloc(0),
  );
  const declared = fc.constantFrom(...DISK_FORMATS);

  /** A file of random parts, some of them at the places where headers are looked for. */
  const file = fc
    .record({
      magic,
      length: fc.integer({ min: 0, max: 400_000 }),
      patches: fc.array(
        fc.tuple(
          fc.oneof(fc.integer({ min: 0, max: 1024 }), fc.constantFrom(32_768, 196_608, 262_144, 1_048_576)),
          fc.uint8Array({ maxLength: 200 }),
        ),
        { maxLength: 8 },
      ),
      fill: fc.integer({ min: 0, max: 255 }),
    })
    .map(({ magic, length, patches, fill }) => {
      const bytes = Buffer.alloc(length, fill);
      magic.copy(bytes);
      for (const [at, part] of patches) Buffer.from(part).copy(bytes, Math.min(at, length));
      return bytes;
    });

  it('give a verdict, the same however they are cut into chunks', () => {
    fc.assert(
      fc.property(file, declared, fc.integer({ min: 1, max: 100_000 }), (bytes, format, chunkBytes) => {
        const whole = inspect(bytes, format, Math.max(bytes.length, 1));
        expect(inspect(bytes, format, chunkBytes)).toEqual(whole);
        expect(whole.virtualSizeBytes === null || Number.isSafeInteger(whole.virtualSizeBytes)).toBe(true);
        expect(whole.isAsDeclared && whole.refusal === undefined ? whole.format !== 'qed' : true).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('in the headers of real images never throw', () => {
    const images = ['qcow2', 'vmdk', 'vdi', 'vhdx', 'vpc', 'parallels'].map((name) => convert(name));
    fc.assert(
      fc.property(
        fc.constantFrom(...images),
        declared,
        fc.array(fc.tuple(fc.nat(70_000), fc.nat(255)), { maxLength: 12 }),
        fc.nat(400_000),
        (image, format, changes, cut) => {
          const bytes = Buffer.from(image.subarray(0, Math.max(cut, 600)));
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          expect(inspect(bytes, format, 8192).format).toBeTypeOf('string');
        },
      ),
      { numRuns: 400 },
    );
  });

  it('need no more memory for a large file than for a small one', () => {
    const image = convert('vhdx');
    const inspector = new ImageInspector('vhdx');
    inspector.push(image);
    const chunk = Buffer.alloc(MIB, 1);
    globalThis.gc?.();
    const before = process.memoryUsage().arrayBuffers;
    for (let count = 0; count < 2048; count++) inspector.push(chunk);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
    expect(inspector.finish().format).toBe('vhdx');
  });
});
