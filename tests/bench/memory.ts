/** What a process and those that it started need, by the kernel's own count. */
import { readFileSync, readlinkSync } from 'node:fs';
import { execPath } from 'node:process';

/** In MiB. */
export interface Memory {
  /** What `controller`, `up` and the like are started by. */
  readonly name: string;
  /** All that is resident: pages shared between processes, such as Node's own code, count in each. */
  readonly resident: number;
  /** What nobody else has. */
  readonly own: number;
}

/** What several processes take from the machine: what each has for itself, and once what they share. */
export function together(all: readonly Memory[]): number {
  return all.reduce((total, { own }) => total + own, 0) + Math.max(...all.map(({ resident, own }) => resident - own));
}

/** The process and every process of this Node below it: controller, agent and exec helper, but no libvirt or QEMU. */
export function memoryOfTree(pid: number): Memory[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  const isOurs = readlinkSync(`/proc/${pid}/exe`) === execPath;
  return [...(isOurs ? [memoryOf(pid)] : []), ...children.flatMap(memoryOfTree)];
}

function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mib = (field: string): number =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024);
  const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(1);
  return { name: nameOf(args), resident: mib('Rss'), own: mib('Private_Clean') + mib('Private_Dirty') };
}

function nameOf(args: readonly string[]): string {
  if (args.some((arg) => arg.includes('exec-helper'))) return 'exec helper';
  return args.includes('controller') ? 'controller' : 'agent';
}
