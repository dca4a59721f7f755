/** What has to be done so that a host's networks are as desired. Pure. */
import type { Change, Design, Observed, Resource } from './drivers/contract.ts';

export interface NetworkStep {
  /** The resource's key. */
  readonly resource: string;
  readonly what: string;
  readonly change: Change;
}

/** One step for each resource that is missing, different, or no longer wanted; removals first. */
export function planNetworks(design: Design, observed: Observed): readonly NetworkStep[] {
  const removals = [...observed.values()].filter((resource) => !design.resources.has(resource.key));
  const additions = [...design.resources.values()].filter(
    (resource) => observed.get(resource.key)?.fingerprint !== resource.fingerprint,
  );
  return [
    ...removals.map((resource) => step({ action: 'remove', resource })),
    ...additions.map((resource) => step({ action: 'ensure', resource }, observed.get(resource.key))),
  ];
}

function step(change: Change, before?: Resource): NetworkStep {
  const { key, kind } = change.resource;
  const verb = change.action === 'remove' ? 'remove' : before === undefined ? 'make' : 'change';
  return { resource: key, what: `${verb} ${kind}`, change };
}
