import { Type } from 'typebox';

/** Bodies are checked attribute by attribute (`body.ts`), in neutron's words: the envelope only has to be JSON. */
export const AnyBody = Type.Unknown();
