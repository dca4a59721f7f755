import type { TrustedIssuer } from './federation/issuer-keys.ts';

export type TokenProvider = 'fernet' | 'jws';

/** What an operator may set of identity; the names follow keystone's options. Absent limits are no limits. */
export interface IdentityConfig {
  /** bcrypt's cost: 12 takes about 0.4 s of a core, which is what makes stolen hashes worthless. 4 in tests. */
  readonly bcryptRounds: number;
  /** How long a token lives. Longer makes a stolen one worth more, shorter breaks long uploads. */
  readonly tokenLifetimeMs: number;
  /** Whether a token for a project or a domain may be turned into one for another. Without it a stolen one is worth less. */
  readonly allowRescopeScopedToken: boolean;
  /** How long after its end a service may still have a token shown with `allow_expired`. */
  readonly allowExpiredWindowMs: number;
  /** How tokens are made: sealed, or signed so that anyone can read them. Both are read always. */
  readonly tokenProvider: TokenProvider;
  /** Keys kept in the token key repository; more keep older tokens readable after rotations. */
  readonly maxActiveKeys: number;
  readonly maxPasswordLength: number;
  /** Wrong passwords in a row until the account is locked; null never locks. */
  readonly lockoutFailureAttempts: number | null;
  readonly lockoutDurationMs: number;
  readonly disableUserAccountDaysInactive: number | null;
  readonly passwordExpiresDays: number | null;
  /** Remembered passwords, the new one included, that must differ; 0 remembers none. */
  readonly uniqueLastPasswordCount: number;
  readonly minimumPasswordAgeDays: number;
  readonly passwordRegex: string | null;
  readonly passwordRegexDescription: string | null;
  readonly changePasswordUponFirstUse: boolean;
  /** Most entries of one list; a longer list is cut and marked `truncated`. */
  readonly listLimit: number;
  /** Projects above one another, the domain included. */
  readonly maxProjectTreeDepth: number;
  readonly maxRedelegationCount: number;
  readonly maxCredentialsPerUser: number;
  readonly maxApplicationCredentialsPerUser: number;
  readonly limitModel: 'flat' | 'strict_two_level';
  /** How old a signed EC2 request may be. */
  readonly ec2SignatureTtlMs: number;
  /** The window of codes taken before the current one, for clocks that lag. */
  readonly totpIncludedPreviousWindows: number;
  readonly receiptLifetimeMs: number;
  /** Providers of OpenID whose tokens count, by issuer, each with its public keys or where it publishes them. */
  readonly trustedIssuers: Readonly<Record<string, TrustedIssuer>>;
}

const CHOICES: { readonly [Option in 'tokenProvider' | 'limitModel']: readonly IdentityConfig[Option][] } = {
  tokenProvider: ['fernet', 'jws'],
  limitModel: ['flat', 'strict_two_level'],
};

/**
 * The configuration with its defaults.
 * @throws {Error} for a word that an option does not know.
 */
export function completeConfig(given: Partial<IdentityConfig> = {}): IdentityConfig {
  const config = { ...DEFAULT_CONFIG, ...given };
  for (const [option, words] of Object.entries(CHOICES)) {
    const word = config[option as keyof typeof CHOICES];
    if (!(words as readonly string[]).includes(word))
      throw new Error(`identity knows no ${option} ${JSON.stringify(word)}; it may be ${words.join(' or ')}`);
  }
  return config;
}

export const DEFAULT_CONFIG: IdentityConfig = {
  bcryptRounds: 12,
  tokenLifetimeMs: 3_600_000,
  allowRescopeScopedToken: true,
  allowExpiredWindowMs: 172_800_000,
  tokenProvider: 'fernet',
  maxActiveKeys: 3,
  maxPasswordLength: 4_096,
  lockoutFailureAttempts: null,
  lockoutDurationMs: 1_800_000,
  disableUserAccountDaysInactive: null,
  passwordExpiresDays: null,
  uniqueLastPasswordCount: 0,
  minimumPasswordAgeDays: 0,
  passwordRegex: null,
  passwordRegexDescription: null,
  changePasswordUponFirstUse: false,
  listLimit: 10_000,
  maxProjectTreeDepth: 5,
  maxRedelegationCount: 3,
  maxCredentialsPerUser: 1_000,
  maxApplicationCredentialsPerUser: 1_000,
  limitModel: 'flat',
  ec2SignatureTtlMs: 900_000,
  totpIncludedPreviousWindows: 1,
  receiptLifetimeMs: 300_000,
  trustedIssuers: {},
};
