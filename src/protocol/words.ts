/** One thing said to a person, in both languages. */
export interface Words {
  readonly en: string;
  readonly zh: string;
}
