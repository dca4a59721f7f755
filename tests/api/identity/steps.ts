import { expect } from 'vitest';
import type { Answer, Cloud } from './cloud.ts';

/** Asks one thing and looks at the answer: status, and what the body must hold at least. */
export type Step = (line: string, status: number, holds?: object | null, body?: unknown) => Promise<Answer>;

/** Steps of one caller. `null` for the body means that there is none. */
export function stepsOf(cloud: Cloud, token: string): Step {
  return async (line, status, holds, body) => {
    const [method = '', path = ''] = line.split(' ');
    const answer = await cloud.ask(method, path, { token, ...(body === undefined ? {} : { body }) });
    expect({ line, status: answer.status, body: answer.body }).toMatchObject({ line, status });
    if (holds === null) expect([line, answer.body]).toEqual([line, '']);
    else if (holds !== undefined) expect(answer.body).toMatchObject(holds);
    return answer;
  };
}

/** A thing that is made, shown, listed, changed and deleted in the usual way. */
export interface Life {
  /** As in `/v3/groups`. */
  readonly path: string;
  /** The word around one, as in `group`; around many, as in `groups`. */
  readonly one: string;
  readonly many: string;
  readonly make: object;
  /** What a new one shows beside what was given. */
  readonly shows?: object;
  readonly change: object;
  /** The sentence for one that is not there names it so. */
  readonly kind: string;
}

/**
 * Leads one thing through its life, the end included: what is made is shown and listed alike, a change stays, and what is
 * deleted is not found by any operation.
 */
export async function live(step: Step, life: Life): Promise<void> {
  const { path, one, many, make, change, kind } = life;
  const made = await step(`POST ${path}`, 201, { [one]: { ...make, ...life.shows } }, { [one]: make });
  const { id } = made.body[one];
  expect(made.body[one].links.self).toMatch(new RegExp(`${path}/${id}$`));
  const shown = await step(`GET ${path}/${id}`, 200, { [one]: make });
  expect(shown.body).toEqual(made.body);
  const listed = await step(`GET ${path}`, 200);
  expect(listed.body[many].find((item: { id: string }) => item.id === id)).toEqual(made.body[one]);
  expect(listed.body.links).toMatchObject({ next: null, previous: null });
  await step(`PATCH ${path}/${id}`, 200, { [one]: { ...make, ...change, id } }, { [one]: change });
  await step(`GET ${path}/${id}`, 200, { [one]: { ...make, ...change, id } });
  await step(`DELETE ${path}/${id}`, 204, null);
  const gone = { error: { code: 404, title: 'Not Found', message: `Could not find ${kind}: ${id}.` } };
  await step(`GET ${path}/${id}`, 404, gone);
  await step(`PATCH ${path}/${id}`, 404, gone, { [one]: change });
  await step(`DELETE ${path}/${id}`, 404, gone);
  const after = await step(`GET ${path}`, 200);
  expect(after.body[many].map((item: { id: string }) => item.id)).not.toContain(id);
}

/** The id of the only one of a name. */
export async function idOf(step: Step, many: string, name: string): Promise<string> {
  return (await step(`GET /v3/${many}?name=${encodeURIComponent(name)}`, 200)).body[many][0].id;
}
