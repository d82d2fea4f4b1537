// The name by which a service provider knows somebody, and what it is told of them. What XML cannot carry is left out, because nobody
// is to be locked out by a stray character in a record.
import type { Permit } from '../../core/access/decision.ts'
import type { AttributeValue, nameIdFormats as ownFormats, User } from '../../core/directory/types.ts'
import type { Attribute, NameId } from '../../wire/saml/messages.ts'
import { attributeNameFormats, nameIdFormats } from '../../wire/saml/vocabulary.ts'
import { isXmlText } from '../../wire/xml/write.ts'
import type { ServiceProvider } from './services.ts'

export type Format = (typeof ownFormats)[number]

const uris = {
  persistent: nameIdFormats.persistent,
  email: nameIdFormats.emailAddress,
  unspecified: nameIdFormats.unspecified,
} as const satisfies Record<Format, string>

/** Those that we give. */
export const offeredFormats = Object.values(uris)

/** Null where we do not give names of this format. */
export function formatOf(uri: string | null, byDefault: Format): Format | null {
  if (uri === null || uri === uris.unspecified) return byDefault
  return (Object.keys(uris) as Format[]).find((format) => uris[format] === uri) ?? null
}

/** Null where the user has none that can be written. */
export function nameIdOf(user: User, format: Format, entityId: string): NameId | null {
  const value = { persistent: user.id, email: user.email, unspecified: user.username }[format]
  if (value === null || !isXmlText(value)) return null
  return nameId(value, uris[format], entityId)
}

/** The name as it was given out: see `nameIdOf`. */
export const nameId = (value: string, format: string, entityId: string): NameId => ({
  value,
  format,
  nameQualifier: null,
  // Core §8.3.7: for whom the name was made.
  spNameQualifier: format === uris.persistent ? entityId : null,
})

/** Whether somebody whom a request names is this user (Core §3.4.1.4). */
export function isMeant(user: User, { value, format }: Pick<NameId, 'value' | 'format'>): boolean {
  const formats = (Object.keys(uris) as Format[]).filter(
    (each) => format === null || format === uris.unspecified || uris[each] === format,
  )
  return formats.some((each) => nameIdOf(user, each, '')?.value === value)
}

/** What the application is told, and the names of what could not be written. */
export function attributesOf(
  { principal, boundGroups, released }: Permit,
  { application }: ServiceProvider,
): { readonly attributes: readonly Attribute[]; readonly unwritable: readonly string[] } {
  if (principal.kind !== 'user') throw new TypeError('only people have attributes')
  const isByDefault = Object.keys(application.release).length === 0
  const values = new Map<string, AttributeValue>([
    ...(isByDefault ? standard(principal.user) : []),
    ...Object.entries(released),
    // Last: nobody may forge these (checklist A11).
    ['groups', [...new Set(boundGroups.map(({ name }) => name))]],
  ])
  const all = [...values].map(([name, value]) => [name, textsOf(value)] as const)
  return {
    attributes: all.flatMap(([name, texts]) => {
      const written = texts.filter(isXmlText)
      return written.length === 0 ? [] : [attribute(name, written)]
    }),
    unwritable: all.filter(([, texts]) => !texts.every(isXmlText)).map(([name]) => name),
  }
}

function standard(user: User): readonly (readonly [string, string])[] {
  const { username, email, givenName, familyName, displayName } = user
  const named = { username, email, firstName: givenName, lastName: familyName, displayName }
  return Object.entries(named).filter((pair): pair is [string, string] => pair[1] !== null)
}

const attribute = (name: string, values: readonly string[]): Attribute => ({
  name,
  nameFormat: /^(?:urn|https?):/.test(name) ? attributeNameFormats.uri : attributeNameFormats.basic,
  friendlyName: null,
  values,
})

const textsOf = (value: AttributeValue): readonly string[] =>
  typeof value === 'object' ? value : [String(value)]
