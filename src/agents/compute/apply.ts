import type { Readable } from 'node:stream';
import type { ComputeDriver } from './drivers/contract.ts';
import type { ComputeStep } from './plan.ts';

/** What steps are carried out with. */
export interface AppliedHost {
  readonly driver: ComputeDriver;
  readonly shutDownGraceMs: number;
  /** Gives the controller a snapshot's bytes. */
  uploadImage(imageId: string, data: Readable, signal: AbortSignal): Promise<void>;
}

/** Carries one step of a plan out. */
export async function applyStep(host: AppliedHost, step: ComputeStep, signal: AbortSignal): Promise<void> {
  const { driver } = host;
  const id = step.guestId;
  switch (step.action) {
    case 'remove':
      return driver.remove(id, signal);
    case 'prepare disks':
      return driver.prepareDisks(step.guest, signal);
    case 'define':
      return driver.define(step.guest, step.marks, signal);
    case 'mark':
      return driver.mark(id, step.marks, signal);
    case 'start':
      return driver.start(id, { isPaused: step.isPaused }, signal);
    case 'shut down':
      return driver.shutDown(id, host.shutDownGraceMs, signal);
    case 'power off':
      return driver.powerOff(id, signal);
    case 'pause':
      return driver.pause(id, signal);
    case 'resume':
      return driver.resume(id, signal);
    case 'suspend':
      return driver.suspend(id, signal);
    case 'attach interface':
      return driver.attachInterface(id, step.port, signal);
    case 'detach interface':
      return driver.detachInterface(id, step.portId, signal);
    case 'make snapshot':
      return driver.makeSnapshot(id, step.snapshot, signal);
    case 'upload snapshot':
      return host.uploadImage(step.imageId, await driver.openSnapshot(id, step.imageId), signal);
    case 'remove snapshot':
      return driver.removeSnapshot(id, step.imageId, signal);
  }
}
