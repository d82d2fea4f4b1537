// Binding one port on several addresses, for TCP and UDP alike.
import { Fault } from '../base/result.ts'

export interface Bound {
  readonly port: number
  release(): Promise<void>
}

const attempts = 10
const noIpv6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])

/**
 * Binds every host on the same port; 0 takes one that is free on all of them. A machine without IPv6 does without `::` and `::1`.
 * Throws Fault('unavailable'), with nothing left bound, where an address cannot be had.
 */
export async function bindAll<T extends Bound>(
  name: string,
  hosts: readonly string[],
  port: number,
  bind: (host: string, port: number) => Promise<T>,
): Promise<{ readonly port: number; readonly bound: readonly T[] }> {
  for (let attempt = 1; ; attempt++) {
    const bound: T[] = []
    let host = ''
    let inUse = port
    try {
      for (host of hosts) {
        const one = await bindOne(host, inUse, bind, hosts.length > 1)
        if (one === null) continue
        bound.push(one)
        inUse = one.port
      }
      if (bound.length === 0) throw new Error('no address to listen on')
      return { port: inUse, bound }
    } catch (cause) {
      await Promise.all(bound.map((one) => one.release()))
      const code = (cause as NodeJS.ErrnoException).code
      if (port === 0 && code === 'EADDRINUSE' && attempt < attempts) continue
      throw new Fault(
        'unavailable',
        `${name} cannot listen on ${host} port ${inUse}: ${reasonOf(cause, code)}`,
        {
          cause,
        },
      )
    }
  }
}

async function bindOne<T>(
  host: string,
  port: number,
  bind: (host: string, port: number) => Promise<T>,
  hasOthers: boolean,
): Promise<T | null> {
  try {
    return await bind(host, port)
  } catch (error) {
    if (
      (host === '::' || host === '::1') &&
      hasOthers &&
      noIpv6.has((error as NodeJS.ErrnoException).code ?? '')
    )
      return null
    throw error
  }
}

function reasonOf(cause: unknown, code: string | undefined): string {
  if (code === 'EADDRINUSE') return 'something else listens there already (EADDRINUSE)'
  if (code === 'EACCES') return 'ports below 1024 need a privilege (EACCES)'
  if (code === 'EADDRNOTAVAIL') return 'this machine does not have that address (EADDRNOTAVAIL)'
  return code ?? String(cause)
}
