import type { TSchema } from 'typebox';
import type { ApiRequest, Reply } from '#kernel/api/route.ts';

/** One of the things that `POST /servers/{id}/action` does: all about it that is data, and the function that does it. */
export interface ServerAction {
  /** The one member of the body: `os-stop`. */
  readonly name: string;
  /** Shape of the member's value; anything when absent, as for actions without arguments. */
  readonly input?: TSchema;
  /** First microversion that has it. */
  readonly since?: string;
  /** First microversion that no longer has it. */
  readonly before?: string;
  /** Status of a plain answer; 202 unless given. */
  readonly status?: number;
  /** @returns a body, or a whole reply; nothing for an empty answer. */
  run(request: ApiRequest, serverId: string, input: never): Promise<Reply | Record<string, unknown> | undefined>;
}
