import type { Exec } from '#kernel/exec.ts';

/** A sentence in both languages. */
export interface Text {
  readonly en: string;
  readonly zh: string;
}

/** What one check found out. */
export interface Finding {
  /** Stable, such as `kvm.unusable`: manuals and scripts name it. */
  readonly code: string;
  /** `fail`: it will not work; `warn`: it works, but worse than it could, or soon not. */
  readonly level: 'ok' | 'warn' | 'fail';
  readonly title: Text;
  /** What was seen: as the machine said it, or a sentence of ours. */
  readonly evidence: string | Text;
  /** What to do; absent when all is well. */
  readonly fix?: Text;
}

/** What checks may look at; a test gives a machine of its own making. */
export interface Machine {
  readonly exec: Exec;
  readonly isRoot: boolean;
  /** A file's text, or undefined when it is not there. */
  readFile(path: string): string | undefined;
  /** Whether a TCP port can be listened on; the reason if not. */
  tryListen(address: string, port: number): Promise<string | undefined>;
  /** Free and whole bytes of the file system that would hold a path. */
  diskSpace(path: string): { readonly freeBytes: number; readonly totalBytes: number };
}

export interface Subject {
  readonly machine: Machine;
  /** Where the cloud would be kept and listen. */
  readonly dataDir: string;
  readonly listenAddress: string;
  readonly ports: Readonly<Record<string, number>>;
  /** Networks that the cloud would use on this machine. */
  readonly cidrs: readonly string[];
  /** True while this very cloud runs: its own ports and bridges are no clash. */
  readonly isUp: boolean;
}

/** One thing to look at. It never rejects: what cannot be looked at is a finding too. */
export type Check = (subject: Subject) => Promise<readonly Finding[]>;
