/**
 * What a provider says of a person, turned into a user and groups by rules.
 * @see https://docs.openstack.org/keystone/latest/admin/federation/mapping_combinations.html
 */
import { BadRequest } from '#kernel/errors.ts';

export interface MappingRule {
  readonly local: readonly LocalPart[];
  readonly remote: readonly RemotePart[];
}

export interface LocalPart {
  readonly user?: {
    readonly id?: string;
    readonly name?: string;
    readonly email?: string;
    readonly type?: 'ephemeral' | 'local';
    readonly domain?: DomainRef;
  };
  readonly group?: { readonly id?: string; readonly name?: string; readonly domain?: DomainRef };
  readonly groups?: string;
  readonly group_ids?: string;
  readonly domain?: DomainRef;
  readonly projects?: readonly MappedProject[];
}

/** A project that the user gets, made where there is none of the name, and the roles on it. */
export interface MappedProject {
  readonly name: string;
  readonly roles: readonly { readonly name: string }[];
}

export interface DomainRef {
  readonly id?: string;
  readonly name?: string;
}

export interface RemotePart {
  readonly type: string;
  readonly any_one_of?: readonly unknown[];
  readonly not_any_of?: readonly unknown[];
  readonly blacklist?: readonly unknown[];
  readonly whitelist?: readonly unknown[];
  readonly regex?: boolean;
}

/** Attributes of a person; several values of one are parted by semicolons. */
export type Assertion = Readonly<Record<string, string>>;

export interface Mapped {
  readonly user: NonNullable<LocalPart['user']>;
  readonly groupIds: readonly string[];
  readonly groupNames: readonly { readonly name: string; readonly domain: DomainRef }[];
  readonly projects: readonly MappedProject[];
}

/** A value beyond this is not matched against a rule's expression. */
const MAX_VALUE_LENGTH = 1_024;

/**
 * Applies all rules whose requirements are met; the first user that results is the one.
 * @throws {BadRequest} when no rule fits, or one refers to what it does not ask for.
 */
export function applyMapping(rules: readonly MappingRule[], assertion: Assertion): Mapped {
  const values = new Map(Object.entries(assertion).map(([name, text]) => [name, text.split(';')]));
  const parts = rules.flatMap((rule) => {
    const found = meetAll(rule.remote, values);
    return found === undefined ? [] : rule.local.map((part) => fill(part, found) as LocalPart);
  });
  if (parts.length === 0)
    throw new BadRequest(
      'identity.federation.unmapped',
      'Could not map any federated user properties to identity values. Check debug logs or the mapping used for additional details.',
    );
  const groupNames = parts.flatMap((part) => [...namedGroup(part), ...namedGroups(part)]);
  const groupIds = parts.flatMap((part) => [
    ...(part.group?.id === undefined ? [] : [part.group.id]),
    ...(part.group_ids === undefined ? [] : readList(part.group_ids)),
  ]);
  const user = parts.find((part) => part.user !== undefined)?.user ?? {};
  const projects = parts.findLast((part) => part.projects !== undefined)?.projects ?? [];
  return { user, groupIds: [...new Set(groupIds)], groupNames, projects };
}

/** The values that `{0}`, `{1}`, … stand for; undefined when a requirement is not met. */
function meetAll(
  requirements: readonly RemotePart[],
  values: ReadonlyMap<string, readonly string[]>,
): readonly (readonly string[])[] | undefined {
  const direct: (readonly string[])[] = [];
  for (const requirement of requirements) {
    const given = values.get(requirement.type);
    if (given === undefined || given.every((value) => value === '')) return undefined;
    const matching = (wanted: readonly unknown[]) => given.filter((value) => isAmong(wanted, value, requirement));
    if (requirement.any_one_of !== undefined) {
      if (matching(requirement.any_one_of).length === 0) return undefined;
    } else if (requirement.not_any_of !== undefined) {
      if (matching(requirement.not_any_of).length > 0) return undefined;
    } else if (requirement.blacklist !== undefined) {
      const refused = matching(requirement.blacklist);
      direct.push(given.filter((value) => !refused.includes(value)));
    } else direct.push(requirement.whitelist === undefined ? given : matching(requirement.whitelist));
  }
  return direct;
}

function isAmong(wanted: readonly unknown[], value: string, { regex }: RemotePart): boolean {
  if (regex !== true) return wanted.includes(value);
  if (value.length > MAX_VALUE_LENGTH) return false;
  return wanted.some((pattern) => typeof pattern === 'string' && new RegExp(pattern).test(value));
}

/** Puts values in the places of `{0}`; a list of more than one stays readable as a list. */
function fill(part: unknown, found: readonly (readonly string[])[]): unknown {
  if (typeof part === 'string')
    return part.replace(/\{(\d{1,3})\}/g, (_, index: string) => shown(found, Number(index)));
  if (Array.isArray(part)) return part.map((item) => fill(item, found));
  if (typeof part !== 'object' || part === null) return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, fill(value, found)]));
}

function shown(found: readonly (readonly string[])[], index: number): string {
  const values = found[index];
  if (values === undefined)
    throw new BadRequest(
      'identity.federation.direct_map',
      "Local section in mapping refers to a remote match that doesn't exist (e.g. {0} in a local section).",
    );
  return values.length === 1 ? (values[0] ?? '') : JSON.stringify(values);
}

function namedGroup({ group }: LocalPart): Mapped['groupNames'] {
  return group?.name === undefined || group.domain === undefined ? [] : [{ name: group.name, domain: group.domain }];
}

function namedGroups({ groups, domain }: LocalPart): Mapped['groupNames'] {
  if (groups === undefined) return [];
  if (domain === undefined)
    throw new BadRequest(
      'identity.federation.groups',
      "Invalid rule: Both 'groups' and 'domain' keywords must be specified.",
    );
  return readList(groups).map((name) => ({ name, domain }));
}

function readList(text: string): string[] {
  if (!text.startsWith('[')) return [text];
  try {
    const list: unknown = JSON.parse(text.replaceAll("'", '"'));
    return Array.isArray(list) ? list.map(String) : [text];
  } catch {
    return [text];
  }
}
