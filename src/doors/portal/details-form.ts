// Own details as a form: how each is shown, and what patch comes of what was typed. Only what differs from what was shown is
// part of it.
import type { OwnDetail } from '../../core/directory/own-details.ts'

/** How a value stands in its field; empty where there is none. */
export function shownOf({ type, value }: Pick<OwnDetail, 'type' | 'value'>): string {
  if (value === null) return ''
  if (Array.isArray(value)) return value.join(', ')
  // Midnight is what a date without a time means.
  return type === 'date' ? String(value).replace(/T00:00:00\.000Z$/, '') : String(value)
}

/** What was typed as a value; null: none. What does not fit stays text, and is refused where values are checked. */
function parsed(type: OwnDetail['type'], typed: string): unknown {
  const text = typed.trim()
  if (text === '') return null
  switch (type) {
    case 'number':
      return /^-?[0-9]{1,15}(?:\.[0-9]{1,15})?$/.test(text) ? Number(text) : text
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : text
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '')
    default:
      return text
  }
}

/** A merge patch; fields that are no details are part of it as they are, so that they are refused and not overlooked. */
export function patchOf(form: URLSearchParams, details: readonly OwnDetail[]): Record<string, unknown> {
  const patch: Record<string, unknown> = Object.create(null)
  const attributes: Record<string, unknown> = Object.create(null)
  for (const field of new Set(form.keys())) {
    if (field === 'csrf') continue
    const typed = form.get(field) ?? ''
    const detail = details.find((one) => one.field === field)
    if (detail !== undefined && typed.trim() === shownOf(detail).trim()) continue
    const value = detail === undefined ? typed : parsed(detail.type, typed)
    if (field.startsWith('attributes.')) attributes[field.slice('attributes.'.length)] = value
    else patch[field] = value
  }
  return Object.keys(attributes).length === 0 ? patch : { ...patch, attributes }
}
