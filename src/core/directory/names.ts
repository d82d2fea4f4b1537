// One principal, one spelling: the key under which a name is found, whatever way it was typed.

/** Folds width, case and white space; two spellings of one name have the same key. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase()
}

const username = /^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,63}$/u
const email = /^[^\s@<>()",;:\\[\]]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i
const groupName = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,128}$/u
const slug = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const domain =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/
const attribute = /^[A-Za-z][A-Za-z0-9-]{0,63}$/

export const isUsername = (text: string): boolean => username.test(text)
export const isEmail = (text: string): boolean => email.test(text)
/** Names of groups, devices, resources and accounts: printable, without white space at the ends. */
export const isDisplayable = (text: string): boolean => groupName.test(text) && text.trim() === text
export const isSlug = (text: string): boolean => slug.test(text)
export const isDomain = (text: string): boolean => domain.test(text)
export const isAttributeName = (text: string): boolean => attribute.test(text)
