import type { RequestContext } from '#kernel/auth/context.ts';
import { badInput } from '../../bad-input.ts';
import type { ComputeDeps } from '../../deps.ts';
import { wholeNumber } from '../../fields.ts';
import { findKeyPair } from '../../key-pairs/store.ts';
import type { BootImage, ServerNetwork } from '../../peers.ts';
import { requireMetadataFit } from '../../quotas/check.ts';
import { requireFitFlavor } from '../boot-image.ts';
import { readFlavor } from '../flavor.ts';
import { refusePersonality } from '../personality.ts';
import type { CreateRequest, ServerInput } from '../schema.ts';
import type { SchedulerHints, ServerFlavor, ServerKeyPair } from '../tables.ts';
import { readHints, requireGroup } from './group.ts';
import { readImage, refuseVolumes } from './image.ts';
import { readNetworks } from './networks.ts';
import { type Place, readPlace } from './place.ts';

/** Servers of one request; a quota is mostly reached before. More hold the one transaction for too long. */
const MAX_COUNT = 1_000;

/** What a request for servers comes to, once all that it names is found and fit. */
export interface NewServers {
  readonly projectId: string;
  readonly count: { readonly min: number; readonly max: number };
  readonly place: Place;
  readonly hints: SchedulerHints;
  readonly flavor: ServerFlavor;
  readonly image: BootImage;
  readonly keyPair: ServerKeyPair | null;
  readonly networks: readonly ServerNetwork[];
  readonly securityGroupIds: readonly string[];
  readonly securityGroupNames: readonly string[];
}

/**
 * Finds all that a request for servers names, and checks all that can be known before a host is chosen.
 * @throws {BadRequest} `compute.invalid_input` in nova's words; {OverLimit} `compute.quota.metadata_items`; {Forbidden} by policy.
 */
export async function readRequest(deps: ComputeDeps, ctx: RequestContext, request: CreateRequest): Promise<NewServers> {
  const { server } = request;
  const projectId = ctx.projectId ?? '';
  const target = { project_id: projectId, user_id: ctx.userId };
  deps.policy.enforce(ctx, 'os_compute_api:servers:create', target);
  const count = readCount(server);
  const place = await readPlace(deps, ctx, request);
  refuseVolumes(deps, ctx, server);
  const flavor = await readFlavor(deps, ctx, server.flavorRef);
  const image = await readImage(deps, ctx, server);
  requireFitFlavor(deps, ctx, flavor, image);
  const networks = await readNetworks(deps, ctx, request, count);
  const securityGroups = await readSecurityGroups(deps, ctx, server, networks);
  const keyPair = await readKeyPair(deps, ctx, server.key_name);
  await requireMetadataFit(deps.db, projectId, server.metadata ?? {});
  refusePersonality(server);
  if (server.trusted_image_certificates != null)
    deps.policy.enforce(ctx, 'os_compute_api:servers:create:trusted_certs', target);
  if (server.hostname !== undefined && count.max > 1)
    throw badInput('Unable to allocate a single hostname to multiple instances');
  const hints = readHints(request.hints);
  await requireGroup(deps, ctx, hints);
  return { projectId, count, place, hints, flavor, image, keyPair, networks, ...securityGroups };
}

function readCount(server: ServerInput): NewServers['count'] {
  const min = wholeNumber(server.min_count ?? 1, 'min_count', 1);
  const max = wholeNumber(server.max_count ?? min, 'max_count', 1);
  if (min > max) throw badInput('min_count must be <= max_count');
  if (max > MAX_COUNT) throw badInput(`max_count must be <= ${MAX_COUNT}`);
  return { min, max };
}

/** The groups of those ports that compute makes; a server without interfaces has only their names. */
async function readSecurityGroups(
  deps: ComputeDeps,
  ctx: RequestContext,
  server: ServerInput,
  networks: readonly ServerNetwork[],
): Promise<Pick<NewServers, 'securityGroupIds' | 'securityGroupNames'>> {
  const names = [...new Set((server.security_groups ?? []).map(({ name }) => name ?? 'default'))];
  if (names.length === 0) return { securityGroupIds: [], securityGroupNames: ['default'] };
  const ids = networks.length === 0 ? [] : await deps.network.findSecurityGroups(ctx, names);
  return { securityGroupIds: ids, securityGroupNames: names };
}

async function readKeyPair(
  deps: ComputeDeps,
  ctx: RequestContext,
  name: string | undefined,
): Promise<ServerKeyPair | null> {
  if (name === undefined) return null;
  const found = await findKeyPair(deps.db, ctx.userId, name);
  if (found === undefined) throw badInput('Invalid key_name provided.');
  return { name: found.name, type: found.type, data: found.public_key };
}
