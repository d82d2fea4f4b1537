// Where this door is: the addresses that metadata name, and those that only this door itself leads to.
import type { Organization, Resource } from '../../core/directory/types.ts'

/** Below `/o/<slug>`. */
export const paths = {
  metadata: '/saml/metadata',
  sso: '/saml/sso',
  resume: '/saml/resume',
  launch: '/saml/launch',
  slo: '/saml/slo',
  sloResume: '/saml/slo/resume',
} as const

type Owner = Pick<Organization, 'slug'>

export interface Addresses {
  /** Also where the metadata are. */
  readonly entityId: string
  readonly sso: string
  readonly slo: string
}

export function addressesOf(publicUrl: string, { slug }: Owner): Addresses {
  const base = `${publicUrl}/o/${slug}`
  return {
    entityId: base + paths.metadata,
    sso: base + paths.sso,
    slo: base + paths.slo,
  }
}

export const pathOf = ({ slug }: Owner, path: keyof typeof paths): string => `/o/${slug}${paths[path]}`

/** Where a request that was parked is gone on with. */
export const resumePath = (owner: Owner, path: 'resume' | 'sloResume', id: string): string =>
  `${pathOf(owner, path)}?request=${id}`

/** Where the portal opens a service provider that takes assertions it has not asked for; null where it takes none. */
export function launchPath(
  owner: Owner,
  { id, application }: Pick<Resource, 'id' | 'application'>,
): string | null {
  const isOpen = application?.protocol === 'saml' && application.allowIdpInitiated
  return isOpen ? `${pathOf(owner, 'launch')}/${id}` : null
}
