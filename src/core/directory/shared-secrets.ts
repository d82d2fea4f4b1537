// Secrets that Muster shares with a program or a device: what is accepted of one that somebody chose, and how one is made.
import { randomBytes } from 'node:crypto'
import { Secret } from '../../base/secrets.ts'
import { optional, type Spec, writeOnly } from './spec.ts'
import { text } from './values.ts'

/** Secrets that are long enough and found in every word list. */
const common =
  /^(?:(?:radius|secret|shared|password|passwd|testing|change|default|admin|cisco|letmein|network|wireless|wifi|client|oauth|oidc|key|me)[-_ .]?)+$/i
/** One to four characters again and again, or digits only. */
const monotone = /^(?:(.{1,4})\1+.{0,3}|[0-9]+)$/

const isGood = (value: string): boolean =>
  value.length >= 16 && !monotone.test(value) && !common.test(value.replace(/[0-9]+/g, ''))
const wanted = 'a secret of at least 16 characters that is not a common one; leave it out to have one made'

/** Checklist R13: a RADIUS secret is attacked offline by anyone who has captured one packet. */
export const radiusSecret: Spec<string | undefined> = writeOnly(
  optional(text({ most: 128, check: isGood, wanted })),
)

/** RFC 6749 appendix A.2: client secrets are of visible ASCII characters and spaces. */
export const clientSecret: Spec<string | undefined> = writeOnly(
  optional(
    text({
      most: 128,
      check: (value) => isGood(value) && /^[\x20-\x7e]+$/.test(value),
      wanted: wanted.replace('characters', 'ASCII characters'),
    }),
  ),
)

/** 192 random bits. */
export const newSharedSecret = (): Secret => new Secret(randomBytes(24).toString('base64url'))
