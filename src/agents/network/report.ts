/** What the controller is told of a host's networks. Pure. */
import type { DesiredNetworks, NetworkProblem, NetworksReport, ObservedResource } from '#protocol/networks.ts';
import { type Design, type Observed, type ResourceKind, resourceKey } from './drivers/contract.ts';

/** The loop's record of a step that did not work, by resource key. */
export interface StepFailure {
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
}

/** Longer messages are cut; a report has a size limit, and nobody reads more. */
const MAX_MESSAGE = 1_000;

/**
 * A resource is `up` when it is as desired, `down` when it is there but different or switched off, and `absent` otherwise.
 * A port is up once it is connected: its filters were in force before, and a later change of them does not take it down.
 */
export function reportNetworks(
  desired: DesiredNetworks,
  design: Design,
  observed: Observed,
  failures: ReadonlyMap<string, StepFailure>,
): NetworksReport {
  const problems = designProblems(design);
  const stateOf = (keys: readonly string[]): ObservedResource['state'] => {
    if (!keys.every((key) => observed.has(key))) return 'absent';
    return keys.every((key) => observed.get(key)?.fingerprint === design.resources.get(key)?.fingerprint)
      ? 'up'
      : 'down';
  };
  const tell = (
    kind: 'network' | 'port' | 'router',
    id: string,
    isOn: boolean,
    alsoKeys: readonly string[] = [],
  ): ObservedResource => {
    const key = resourceKey(kind, id);
    const keys = [key, ...alsoKeys.filter((other) => design.resources.has(other))];
    const state = stateOf(keys);
    const failure = keys.map((other) => failures.get(other)).find((other) => other !== undefined);
    const problem = failure === undefined ? problems.get(key) : cut(failure);
    return { id, state: state === 'up' && !isOn ? 'down' : state, ...(problem === undefined ? {} : { problem }) };
  };
  return {
    revision: desired.revision,
    networks: desired.networks.map((network) => tell('network', network.id, true, [resourceKey('dhcp', network.id)])),
    ports: desired.ports.map((port) => {
      const told = tell('port', port.id, port.isAdminUp);
      const firewall = failures.get(resourceKey('firewall', ''));
      const concerns =
        firewall !== undefined && [port.id, ...port.securityGroupIds].some((id) => firewall.message.includes(id));
      return told.problem === undefined && concerns && firewall !== undefined
        ? { ...told, problem: cut(firewall) }
        : told;
    }),
    routers: desired.routers.map((router) => tell('router', router.id, router.isAdminUp)),
  };
}

function designProblems(design: Design): ReadonlyMap<string, NetworkProblem> {
  const problems = new Map<string, NetworkProblem>();
  for (const { kind, id, code, message } of design.problems) {
    const key = resourceKey(kind satisfies ResourceKind, id);
    const before = problems.get(key);
    problems.set(
      key,
      before === undefined
        ? cut({ code, message, attempts: 1 })
        : cut({ ...before, message: `${before.message} ${message}` }),
    );
  }
  return problems;
}

function cut(problem: StepFailure): NetworkProblem {
  return { code: problem.code, message: problem.message.slice(0, MAX_MESSAGE), attempts: problem.attempts };
}
