// The paged results control as a search carries it (RFC 2696).
import { WireError } from '../../base/bytes.ts'
import type { Control } from '../../wire/ldap/messages.ts'
import { controlOids } from '../../wire/ldap/oids.ts'
import { decodePagedResults, encodePagedResults } from '../../wire/ldap/paged-results.ts'

export interface AskedPage {
  readonly size: number
  readonly cookie: Buffer
  readonly isFirst: boolean
}

export function readPaging(controls: readonly Control[]): AskedPage | null | 'malformed' {
  const control = controls.find(({ controlType }) => controlType === controlOids.pagedResults)
  if (control === undefined) return null
  if (control.controlValue === null) return 'malformed'
  try {
    const { size, cookie } = decodePagedResults(control.controlValue)
    return { size, cookie, isFirst: cookie.length === 0 }
  } catch (error) {
    if (error instanceof WireError) return 'malformed'
    throw error
  }
}

const none: readonly Control[] = []
const nothing = Buffer.alloc(0)

/** The response control; with an empty cookie it says that this was the last page. No estimate of all is made. */
export function pageControl(cookie: Buffer): readonly Control[] {
  return [
    {
      controlType: controlOids.pagedResults,
      criticality: false,
      controlValue: encodePagedResults({ size: 0, cookie }),
    },
  ]
}

export const lastPage = (page: AskedPage | null): readonly Control[] =>
  page === null ? none : pageControl(nothing)
