import { badInput } from '../bad-input.ts';

/**
 * Files that a server of before microversion 2.57 was to be given.
 * @throws {BadRequest} `compute.invalid_input` when there are any: said, rather than forgotten.
 */
export function refusePersonality({ personality }: { readonly personality?: readonly unknown[] }): void {
  if (personality !== undefined && personality.length > 0)
    throw badInput('Personality files are not put into guests here; give the files by user_data instead.');
}
