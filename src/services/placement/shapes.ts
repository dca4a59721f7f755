import { Type } from 'typebox';

/** Shapes that several nouns share; the patterns are the real service's (schemas/common.py). */
export const Uuid = Type.String({ format: 'uuid-like', maxLength: 36 });
export const UUID_KEY = '^[0-9a-fA-F-]{36}$';
export const CLASS_KEY = '^[A-Z0-9_]+$';
export const CUSTOM_NAME = '^CUSTOM_[A-Z0-9_]+$';
/** Suffixes of request groups, from 1.33 on. */
export const GROUP_SUFFIX = '[a-zA-Z0-9_-]{1,64}';

export const Generation = Type.Integer();
export const Owner = Type.String({ minLength: 1, maxLength: 255 });
