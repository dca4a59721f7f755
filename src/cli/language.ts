/** Both languages of one thing said to a person. */
export interface Words {
  readonly en: string;
  readonly zh: string;
}

export type Language = 'en' | 'zh';

/** The language of this terminal: Chinese where the locale says so. */
export function terminalLanguage(env: NodeJS.ProcessEnv = process.env): Language {
  // an empty one counts as none
  const locale = [env['LC_ALL'], env['LC_MESSAGES'], env['LANG']].find((value) => value !== undefined && value !== '');
  return /^zh/i.test(locale ?? '') ? 'zh' : 'en';
}

/** Picks the terminal's language. */
export function words(both: Words): string {
  return both[terminalLanguage()];
}
