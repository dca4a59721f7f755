import type { ApiRequest } from '#kernel/api/route.ts';
import { isoMicros, isoMicrosOrNull } from '#kernel/wire-times.ts';
import { hostIdOf } from '../hosts/host-id.ts';
import { compute } from '../microversions.ts';
import type { WholeAction } from './logic.ts';
import type { ServerAction, ServerActionEvent } from './store.ts';

/** @see nova/api/openstack/compute/instance_actions.py */
export function briefAction({ has }: Pick<ApiRequest, 'has'>, action: ServerAction): Record<string, unknown> {
  return {
    action: action.action,
    instance_uuid: action.server_id,
    request_id: action.request_id,
    user_id: action.user_id,
    project_id: action.project_id,
    start_time: isoMicros(action.started_at),
    message: action.message,
    ...(has(compute.actionPaging) ? { updated_at: isoMicros(action.updated_at) } : {}),
  };
}

export function wholeAction(request: Pick<ApiRequest, 'has'>, whole: WholeAction): Record<string, unknown> {
  // Until 2.50 events are for administrators, from 2.51 on for all who see the action, without their tracebacks.
  const areEventsShown = whole.canSeeHosts || request.has(compute.volumeUpdateEvents);
  return {
    ...briefAction(request, whole.action),
    ...(areEventsShown ? { events: whole.events.map((event) => eventBody(request, event, whole)) } : {}),
  };
}

function eventBody(
  { has }: Pick<ApiRequest, 'has'>,
  event: ServerActionEvent,
  { canSeeHosts, canSeeDetails, projectId }: WholeAction,
): Record<string, unknown> {
  return {
    event: event.event,
    start_time: isoMicros(event.started_at),
    finish_time: isoMicrosOrNull(event.finished_at),
    result: event.result,
    ...(canSeeHosts ? { traceback: event.traceback } : {}),
    ...(canSeeHosts && has(compute.actionHost) ? { host: event.host } : {}),
    ...(has(compute.actionHost) ? { hostId: hostIdOf(projectId, event.host) } : {}),
    ...(canSeeDetails && has(compute.actionEventDetails) ? { details: event.details } : {}),
  };
}
