// The closed list of reasons for a refusal, with the words that the audit log and `explain` show for each.
// What a stranger sees is decided by the doors, and is the same for all of them.

export const denyReasons = {
  'unknown-resource': 'there is no such resource, or it is turned off',
  'transport-not-secure':
    'a password came over a connection without TLS, which this organization does not accept',
  'unknown-subject': 'nobody is known by that name',
  'subject-staged': 'the user is staged: access begins when the state becomes active',
  'subject-suspended': 'the user is suspended',
  'account-disabled': 'the service account is turned off',
  'no-binding': 'no group of the user is bound to the resource',
  'no-proof': 'nothing was shown that proves who this is',
  'wrong-proof': 'the password or code was wrong',
  'code-used': 'the one-time code was right but had been used already',
  locked: 'too many failures: the account is locked for a while',
  'factor-missing': 'a further factor is demanded, and this way in cannot ask for it',
  'factor-not-enrolled': 'a further factor is demanded, and the user has none of the kinds that satisfy it',
  'conversation-expired':
    'the challenge that this answers is unknown, used up, expired or was given to somebody else',
} as const

export type DenyReason = keyof typeof denyReasons
