/** The question of `GET /allocation_candidates`, read from its query string. */
import { BadRequest } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';
import { features } from '../microversions.ts';
import { type AggregateQuery, readMemberOf, readResources, readTraits, type TraitQuery } from '../queries.ts';
import { GROUP_SUFFIX } from '../shapes.ts';

type Has = (feature: string) => boolean;

/** Resources and traits that belong together. The group without a suffix may be spread over a tree; others may not. */
export interface RequestGroup {
  readonly suffix: string;
  readonly resources: Readonly<Record<string, number>>;
  readonly traits: TraitQuery;
  readonly aggregates: AggregateQuery;
  readonly inTree: string | undefined;
}

export interface CandidatesQuery {
  readonly groups: readonly RequestGroup[];
  readonly limit: number;
  readonly isolates: boolean;
  readonly rootTraits: TraitQuery;
  readonly sameSubtrees: readonly (readonly string[])[];
}

/** Most candidates in one answer, whatever is asked; the real service has no limit and large trees exhaust it. */
const MAX_CANDIDATES = 1_000;
/** More groups than this are no server. */
const MAX_GROUPS = 32;

const invalid = (message: string, code = 'placement.query.bad_value'): BadRequest => new BadRequest(code, message);

/** @throws {BadRequest} in the words of placement's lib.py and its schemas. */
export function readCandidatesQuery(url: string, has: Has): CandidatesQuery {
  const search = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length));
  requireKnownKeys(search, has);
  const groups = readGroups(search, has);
  const sameSubtrees = search.getAll('same_subtree').map((value) => value.split(',').map((item) => item.trim()));
  requireWholeGroups(groups, sameSubtrees, has);
  const isolation = search.get('group_policy');
  if (isolation === null && groups.filter(({ suffix }) => suffix !== '').length > 1)
    throw invalid('The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.');
  if (isolation !== null && isolation !== 'none' && isolation !== 'isolate')
    throw invalid(`Invalid query string parameters: '${isolation}' is not one of ['none', 'isolate']`);
  return {
    groups,
    limit: readLimit(search.get('limit')),
    isolates: isolation === 'isolate',
    rootTraits: readRootTraits(search),
    sameSubtrees,
  };
}

function requireKnownKeys(search: URLSearchParams, has: Has): void {
  const suffix = has(features.namedGroups) ? GROUP_SUFFIX : '[1-9][0-9]*';
  const grouped = ['resources', 'required', 'member_of', 'in_tree'].filter((name) => isThere(name, has)).join('|');
  const pattern = has(features.granularRequests)
    ? new RegExp(`^(${grouped})(${suffix})?$`)
    : new RegExp(`^(${grouped})$`);
  const single = [
    ...(has('1.16') ? ['limit'] : []),
    ...(has(features.granularRequests) ? ['group_policy'] : []),
    ...(has(features.rootRequired) ? ['root_required'] : []),
    ...(has(features.sameSubtree) ? ['same_subtree'] : []),
  ];
  for (const key of new Set(search.keys())) {
    if (!pattern.test(key) && !single.includes(key))
      throw invalid(
        `Invalid query string parameters: Additional properties are not allowed ('${key.slice(0, 100)}' was unexpected)`,
      );
  }
}

function isThere(name: string, has: Has): boolean {
  if (name === 'required') return has(features.traitsInCandidates);
  if (name === 'member_of') return has('1.21');
  return name === 'resources' || has('1.31');
}

function readGroups(search: URLSearchParams, has: Has): RequestGroup[] {
  const suffixes = new Set<string>();
  for (const key of search.keys()) {
    const parts = /^(?:resources|required|member_of|in_tree)(.*)$/.exec(key);
    if (parts !== null) suffixes.add(parts[1] ?? '');
  }
  if (suffixes.size > MAX_GROUPS) throw invalid(`At most ${MAX_GROUPS} request groups are taken.`);
  return [...suffixes].map((suffix) => {
    const resources = search.getAll(`resources${suffix}`).at(-1);
    return {
      suffix,
      resources: resources === undefined ? {} : readResources(resources),
      traits: readTraits(search.getAll(`required${suffix}`), {
        forbidden: has(features.forbiddenTraits),
        any: has(features.anyTraits),
      }),
      aggregates: readMemberOf(search.getAll(`member_of${suffix}`), {
        many: has(features.manyMemberOf),
        forbidden: has(features.forbiddenAggregates),
        suffix,
      }),
      inTree: readInTree(search.getAll(`in_tree${suffix}`).at(-1)),
    };
  });
}

function readInTree(value: string | undefined): string | undefined {
  const id = value?.trim();
  if (id !== undefined && !isUuidLike(id))
    throw invalid(`Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid. Got: ${id}`);
  return id;
}

function requireWholeGroups(
  groups: readonly RequestGroup[],
  sameSubtrees: readonly (readonly string[])[],
  has: Has,
): void {
  if (groups.length === 0)
    throw has(features.granularRequests)
      ? invalid(
          'At least one request group (`resources` or `resources{$S}`) is required.',
          'placement.query.missing_value',
        )
      : invalid("Invalid query string parameters: 'resources' is a required property", 'placement.query.missing_value');
  const isEmpty = (group: RequestGroup): boolean => Object.keys(group.resources).length === 0;
  if (groups.every(isEmpty))
    throw invalid('There must be at least one resources or resources[$S] parameter.', 'placement.query.missing_value');
  if (sameSubtrees.some((suffixes) => suffixes.includes('')))
    throw invalid('Empty string (unsuffixed group) can not be specified in `same_subtree` ');
  const named = sameSubtrees.flat();
  const orphan = groups.find((group) => isEmpty(group) && !named.includes(group.suffix));
  if (orphan !== undefined)
    throw invalid(
      has(features.sameSubtree)
        ? `Resourceless suffixed group request should be specified in \`same_subtree\` query param: bad group(s) - ['${orphan.suffix}'].`
        : 'All request groups must specify resources.',
    );
  const missing = named.find((suffix) => !groups.some((group) => group.suffix === suffix));
  if (missing !== undefined)
    throw invalid(
      `Real suffixes should be specified in \`same_subtree\`: ['${missing}'] not found in [${groups.map((group) => `'${group.suffix}'`).join(', ')}].`,
    );
  for (const { suffix, traits } of groups) {
    const both = traits.required.find((any) => any.every((trait) => traits.forbidden.includes(trait)));
    if (both !== undefined)
      throw invalid(
        `Conflicting required and forbidden traits found in the following traits keys: required${suffix}: (${both.join(', ')})`,
      );
  }
}

function readRootTraits(search: URLSearchParams): TraitQuery {
  const values = search.getAll('root_required');
  if (values.length > 1)
    throw invalid("Query parameter 'root_required' may be specified only once.", 'placement.query.duplicate_key');
  const traits = readTraits(values, { forbidden: true, any: false });
  const both = traits.required.flat().filter((trait) => traits.forbidden.includes(trait));
  if (both.length > 0)
    throw invalid(`Conflicting required and forbidden traits found in root_required: ${both.join(', ')}`);
  return traits;
}

function readLimit(text: string | null): number {
  if (text === null) return MAX_CANDIDATES;
  if (!/^[1-9]\d{0,9}$/.test(text))
    throw invalid(`Invalid query string parameters: '${text.slice(0, 40)}' does not match '^[1-9][0-9]*$'`);
  return Math.min(Number(text), MAX_CANDIDATES);
}
