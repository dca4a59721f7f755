/** Reading placement's own little languages in query strings. */
import { BadRequest } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';

/** The longest list in one parameter. More is no question that a scheduler asks. */
const MAX_ITEMS = 200;

function bad(message: string): BadRequest {
  return new BadRequest('placement.query.bad_value', message);
}

/**
 * Reads `VCPU:2,MEMORY_MB:1024`.
 * @throws {BadRequest} in the words of placement's util.py.
 */
export function readResources(text: string): Record<string, number> {
  const form =
    'Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024.';
  if (text.trim() === '') throw bad(`${form} Got: empty string.`);
  const found: Record<string, number> = {};
  for (const item of splitList(text)) {
    const [name, amount, ...rest] = item.split(':');
    if (name === undefined || amount === undefined || rest.length > 0) throw bad(`${form} Got: ${item}.`);
    if (!/^\s*[+-]?\d{1,15}\s*$/.test(amount))
      throw bad(`Requested resource ${name} expected positive integer amount. Got: ${amount}.`);
    if (Number(amount) < 1) throw bad(`Requested resource ${name} requires amount >= 1. Got: ${Number(amount)}.`);
    found[name] = Number(amount);
  }
  return found;
}

export interface TraitQuery {
  /** One of each of these is wanted. */
  readonly required: string[][];
  readonly forbidden: string[];
}

/**
 * Reads values of `required`: `A,!B` and, from 1.39 on, `in:A,B` and repetition.
 * @throws {BadRequest} in the words of placement's util.py.
 */
export function readTraits(
  values: readonly string[],
  allows: { readonly forbidden: boolean; readonly any: boolean },
): TraitQuery {
  const query: TraitQuery = { required: [], forbidden: [] };
  for (const value of allows.any ? values : values.slice(-1)) {
    if (value.startsWith('in:')) query.required.push(readAnyTraits(value, allows.any));
    else readAllTraits(value, allows.forbidden, query);
  }
  return query;
}

function readAnyTraits(value: string, isAllowed: boolean): string[] {
  const prefix = 'Invalid query string parameters:';
  if (!isAllowed)
    throw bad(
      `${prefix} The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39. Got: ${value}`,
    );
  const traits = splitList(value.slice(3)).map((item) => item.trim());
  if (traits.includes(''))
    throw bad(
      `${prefix} Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. Got an empty trait in: ${value}`,
    );
  if (traits.some((trait) => trait.startsWith('!')))
    throw bad(`${prefix} The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' does not support forbidden traits. Got: ${value}`);
  return traits;
}

function readAllTraits(value: string, allowsForbidden: boolean, query: TraitQuery): void {
  const form = allowsForbidden ? 'HW_CPU_X86_VMX,!CUSTOM_MAGIC' : 'HW_CPU_X86_VMX,CUSTOM_MAGIC';
  const expected = `Invalid query string parameters: Expected 'required' parameter value of the form: ${form}.`;
  for (const item of splitList(value).map((one) => one.trim())) {
    const isForbidden = item.startsWith('!');
    const trait = item.replace(/^!+/, '');
    if (trait === '') throw bad(`${expected} Got an empty trait in: ${value}`);
    if (isForbidden && !allowsForbidden) throw bad(`${expected} Got: ${value}`);
    if (isForbidden) query.forbidden.push(trait);
    else query.required.push([trait]);
  }
}

export interface AggregateQuery {
  readonly required: string[][];
  readonly forbidden: string[];
}

/**
 * Reads values of `member_of`: a UUID, `in:` and several, each with `!` before it from 1.32 on.
 * @throws {BadRequest} in the words of placement's util.py.
 */
export function readMemberOf(
  values: readonly string[],
  allows: { readonly many: boolean; readonly forbidden: boolean; readonly suffix?: string },
): AggregateQuery {
  const suffix = allows.suffix ?? '';
  if (!allows.many && values.length > 1) throw bad(`Multiple member_of${suffix} parameters are not supported`);
  const query: AggregateQuery = { required: [], forbidden: [] };
  for (const value of values) {
    const isForbidden = value.startsWith('!');
    const rest = isForbidden ? value.slice(1) : value;
    if (rest.includes(',') && !rest.startsWith('in:'))
      throw bad(
        `Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid microversion. Got: ${value}`,
      );
    const ids = rest.startsWith('in:') ? splitList(rest.slice(3)) : [rest];
    for (const id of ids)
      if (!isUuidLike(id))
        throw bad(
          `Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: ${id}`,
        );
    if (isForbidden && !allows.forbidden)
      throw bad(`Forbidden member_of${suffix} parameters are not supported in the specified microversion`);
    if (isForbidden) query.forbidden.push(...ids);
    else query.required.push(ids);
  }
  return query;
}

function splitList(text: string): string[] {
  const items = text.split(',');
  if (items.length > MAX_ITEMS) throw bad(`At most ${MAX_ITEMS} values are taken in one parameter.`);
  return items;
}
