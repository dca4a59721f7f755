import type { RequestContext } from '#kernel/auth/context.ts';
import { badBody } from '../errors.ts';
import type { Attributes } from './attributes.ts';
import { shown } from './types.ts';

type Values = Record<string, unknown>;

/** Items of one bulk request. More is refused: they all happen in one transaction, which others wait for. */
const MAX_BULK = 500;

export interface BodyRules {
  readonly singular: string;
  readonly plural: string;
  readonly attributes: Attributes;
  readonly isBulk: boolean;
}

/** One resource of a POST: its values with defaults, and what the caller named himself. */
export interface NewItem {
  readonly values: Values & { readonly project_id: string };
  /** Attributes that the caller set to something other than their default: those with a policy of their own need it. */
  readonly explicit: readonly string[];
}

/**
 * Reads a POST's body, one resource or many.
 * @throws {BadRequest} in neutron's words.
 */
export function readCreate(
  rules: BodyRules,
  ctx: RequestContext,
  isAdmin: boolean,
  body: unknown,
): { readonly isBulk: boolean; readonly items: readonly NewItem[] } {
  const envelope = asObject(body) ?? refuse('Resource body required');
  if (Object.keys(envelope).length === 0) refuse('Resource body required');
  if (!Object.hasOwn(envelope, rules.plural))
    return { isBulk: false, items: [readNew(rules, ctx, isAdmin, inner(rules, envelope))] };
  if (!rules.isBulk) refuse('Bulk operation not supported');
  const many = envelope[rules.plural];
  if (!Array.isArray(many)) return refuse('Body contains invalid data');
  if (many.length === 0) refuse('Resources required');
  if (many.length > MAX_BULK) refuse(`A bulk request may hold no more than ${MAX_BULK} ${rules.plural}`);
  const items = many.map((entry) => {
    const item = asObject(entry) ?? refuse('Body contains invalid data');
    return readNew(rules, ctx, isAdmin, Object.hasOwn(item, rules.singular) ? inner(rules, item) : item);
  });
  return { isBulk: true, items };
}

/**
 * Reads a PUT's body: only what is to change.
 * @throws {BadRequest} in neutron's words.
 */
export function readUpdate(rules: BodyRules, body: unknown): Values {
  const envelope = asObject(body) ?? refuse('Resource body required');
  if (Object.keys(envelope).length === 0) refuse('Resource body required');
  const given = inner(rules, envelope);
  refuseUnknown(rules, given);
  for (const name of Object.keys(given)) {
    if (rules.attributes[name]?.put !== true) refuse(`Cannot update read-only attribute ${name}`);
  }
  return convert(rules, given);
}

function readNew(rules: BodyRules, ctx: RequestContext, isAdmin: boolean, given: Values): NewItem {
  const owner = ownerOf(rules, ctx, isAdmin, given);
  refuseUnknown(rules, given);
  for (const [name, attribute] of Object.entries(rules.attributes)) {
    if (attribute.post !== true && Object.hasOwn(given, name)) refuse(`Attribute '${name}' not allowed in POST`);
    if (attribute.required === true && !Object.hasOwn(given, name))
      refuse(`Failed to parse request. Required attribute '${name}' not specified`);
  }
  const read = convert(rules, given);
  const values: Values = {};
  for (const [name, { default: value }] of Object.entries(rules.attributes)) {
    if (value !== undefined) values[name] = value;
  }
  const explicit = Object.keys(read).filter(
    (name) => JSON.stringify(read[name]) !== JSON.stringify(rules.attributes[name]?.default),
  );
  return { values: { ...values, ...read, project_id: owner, tenant_id: owner }, explicit };
}

/** The owner: the caller's project, or another one when an administrator says so. */
function ownerOf(rules: BodyRules, ctx: RequestContext, isAdmin: boolean, given: Values): string {
  const { project_id: project = given['tenant_id'], tenant_id: tenant = project } = given;
  if (project !== tenant) refuse("'project_id' and 'tenant_id' do not match");
  if (project === undefined || project === null || project === '') {
    if (ctx.projectId === null && Object.hasOwn(rules.attributes, 'project_id'))
      refuse('A token without a project needs project_id to be specified');
    return ctx.projectId ?? '';
  }
  if (typeof project !== 'string')
    return refuse(`Invalid input for project_id. Reason: '${shown(project)}' is not a valid string.`);
  if (project !== ctx.projectId && !isAdmin)
    refuse(
      "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges",
    );
  return project;
}

function refuseUnknown(rules: BodyRules, given: Values): void {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(rules.attributes, name));
  if (unknown.length > 0) refuse(`Unrecognized attribute(s) '${unknown.join(', ').slice(0, 200)}'`);
}

function convert(rules: BodyRules, given: Values): Values {
  const read: Values = {};
  for (const [name, value] of Object.entries(given)) {
    read[name] = rules.attributes[name]?.type.read(value, (reason) =>
      refuse(`Invalid input for ${name}. Reason: ${reason}.`),
    );
  }
  return read;
}

function inner(rules: BodyRules, envelope: Values): Values {
  const given = envelope[rules.singular];
  if (given === undefined || given === null) return refuse(`Unable to find '${rules.singular}' in request body`);
  return asObject(given) ?? refuse(`Object '${rules.singular}' contains invalid data`);
}

/** A body's object, or undefined. */
export function asObject(value: unknown): Values | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : undefined;
}

function refuse(message: string): never {
  throw badBody(message);
}
