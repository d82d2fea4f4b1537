// What this issuer offers, in the words of OpenID Connect: scopes and their claims, levels of authentication, lifetimes, addresses.
import { reservedClaims as namesOfMuster } from '../../core/directory/claims.ts'
import type { FactorKind } from '../../core/directory/types.ts'

/** Below the issuer, `/o/<slug>`. */
export const routes = {
  authorization: '/oidc/authorize',
  token: '/oidc/token',
  jwks: '/oidc/jwks',
  userinfo: '/oidc/userinfo',
  introspection: '/oidc/introspect',
  revocation: '/oidc/revoke',
  pushed_authorization_request: '/oidc/par',
  // Of the library's own logout, which is not in use: no request is passed on to it.
  end_session: '/oidc/unused-logout',
} as const
export const logoutRoute = '/oidc/logout'

/** Seconds. Refresh tokens live as long as what they were opened through: see `offlineSeconds`. */
export const lifetimes = {
  authorizationCode: 60,
  accessToken: 3600,
  /** A signed token cannot be called back, so it is short. */
  idToken: 600,
  clientCredentials: 600,
  /** Of what waits for somebody to sign in. */
  interaction: 600,
  /** How long access without a session lasts (`offline_access`), from the consent on. */
  offline: 30 * 24 * 3600,
  /** A client assertion may not be dated further ahead (RFC 7523 §3). */
  clientAssertion: 3600,
} as const

/** Also in the ID token: many applications read nothing else. */
export const claimsOfScopes = {
  openid: ['sub', 'auth_time', 'acr', 'amr'],
  profile: ['name', 'given_name', 'family_name', 'preferred_username', 'updated_at'],
  email: ['email', 'email_verified'],
  groups: ['groups'],
} as const
export const scopes = ['openid', 'profile', 'email', 'groups', 'offline_access'] as const

export const oneFactor = 'urn:muster:acr:1fa'
export const twoFactors = 'urn:muster:acr:2fa'
/** https://refeds.org/profile/mfa: what universities call the same. */
export const refedsMfa = 'https://refeds.org/profile/mfa'
export const levels = [oneFactor, twoFactors, refedsMfa] as const

/** RFC 8176 §2. Whether the key of a passkey or certificate is in hardware cannot be told, so it is `pop` and not `hwk`. */
export const methodOfFactor = {
  password: 'pwd',
  totp: 'otp',
  'recovery-code': 'otp',
  push: 'mca',
  webauthn: 'pop',
  certificate: 'pop',
} as const satisfies Record<FactorKind, string>

/** Claims that no release list and no binding sets: the protocol's own, those of the directory, and what would be a promise. */
export const reservedClaims: ReadonlySet<string> = new Set([
  ...namesOfMuster,
  ...['active', '_claim_names', '_claim_sources', '__proto__', 'constructor'],
  // Nobody here has proven that an address is theirs.
  'email_verified',
])
