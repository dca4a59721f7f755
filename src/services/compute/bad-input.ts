import { BadRequest } from '#kernel/errors.ts';

/** A request that asks for what cannot be: `compute.invalid_input`, in nova's sentence where clients match on it. */
export const badInput = (message: string): BadRequest => new BadRequest('compute.invalid_input', message);
