// Names are accepted wherever ids are, and shown instead of them: both ways by filters of the API's lists.
import { isId } from '../base/ids.ts'
import { nearest } from '../base/nearest.ts'
import type { Api, Item } from './api.ts'
import { exitCodes, Failure } from './failure.ts'
import { type Kind, type KindName, kinds, type Names } from './kinds.ts'

/** A text in a filter: with the escapes of JSON. */
export const quoted = (text: string): string => JSON.stringify(text)

/** The object that `name` calls: an id, or its name (of users also the e-mail address). */
export async function resolve(api: Api, kind: Kind, name: string): Promise<Item> {
  if (isId(name)) return api.request<Item>('GET', `/${kind.path}/${name}`)
  const { called } = kind
  if (called === null) throw missing(kind.name, name)
  const filter = [called, ...(kind.name === 'user' ? ['email'] : [])]
    .map((field) => `${field} eq ${quoted(name)}`)
    .join(' or ')
  const { items } = await api.list(`/${kind.path}`, { filter }, 2)
  const exact = items.find((item) => item[called] === name) ?? items[0]
  if (exact !== undefined) return exact
  throw missing(kind.name, name, await guess(api, kind, called, name))
}

export async function idOf(api: Api, kind: KindName, name: string): Promise<string> {
  return isId(name) ? name : (await resolve(api, kinds[kind], name)).id
}

/** One binding: its id, or the names of its group and resource. */
export async function resolveBinding(api: Api, words: readonly string[]): Promise<Item> {
  const [first = '', second] = words
  if (second === undefined) {
    if (isId(first)) return api.request<Item>('GET', `/bindings/${first}`)
    throw new Failure(exitCodes.usage, 'name a binding by its group and its resource, or by its id', {
      advice: 'See: muster binding list',
    })
  }
  const [groupId, resourceId] = await Promise.all([idOf(api, 'group', first), idOf(api, 'resource', second)])
  const filter = `groupId eq ${quoted(groupId)} and resourceId eq ${quoted(resourceId)}`
  const { items } = await api.list('/bindings', { filter }, 10)
  const [only, ...others] = items
  if (only === undefined) throw missing('binding', `${first} → ${second}`)
  if (others.length === 0) return only
  throw new Failure(exitCodes.refused, `${first} is bound to ${second} more than once`, {
    advice: `Name one by its id: ${items.map(({ id }) => id).join(', ')}`,
  })
}

function missing(kind: KindName, name: string, near?: string | null): Failure {
  const advice = near ? `Did you mean ${near}?` : `See: muster ${kind} list`
  return new Failure(exitCodes.refused, `there is no ${kind} ${quoted(name)}`, { advice })
}

async function guess(api: Api, kind: Kind, called: string, name: string): Promise<string | null> {
  const start = [...name][0]
  if (start === undefined) return null
  const { items } = await api.list(`/${kind.path}`, { filter: `${called} sw ${quoted(start)}` }, 200)
  const near = nearest(
    name,
    items.map((item) => String(item[called])),
  )
  return near ?? null
}

const idsPerQuery = 100

/** Names of these objects; those that are gone have none. */
export async function namesOf(api: Api, kind: KindName, ids: Iterable<string>): Promise<Names> {
  const { path, called } = kinds[kind]
  const names = new Map<string, string>()
  const distinct = [...new Set(ids)]
  if (called === null) return names
  for (let from = 0; from < distinct.length; from += idsPerQuery) {
    const part = distinct.slice(from, from + idsPerQuery)
    const filter = part.map((id) => `id eq ${quoted(id)}`).join(' or ')
    for (const item of (await api.list(`/${path}`, { filter }, part.length)).items)
      names.set(item.id, String(item[called]))
  }
  return names
}

/** Names of everything that these objects refer to. */
export async function namesIn(api: Api, kind: Kind, items: readonly Item[]): Promise<Names> {
  const all = new Map<string, string>()
  for (const [field, of] of Object.entries(kind.refers)) {
    const ids = items.flatMap((item) => (typeof item[field] === 'string' ? [item[field]] : []))
    for (const [id, name] of await namesOf(api, of, ids)) all.set(id, name)
  }
  return all
}
