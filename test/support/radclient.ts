// FreeRADIUS' radclient as a network device: one request, and what came back.
import type { RunningMuster } from './muster.ts'
import { run } from './process.ts'
import { nasSecret } from './radius-nas.ts'

export interface RadiusAnswer {
  /** `Access-Accept` …; null for silence. */
  readonly code: string | null
  /** By name, without tags and quotes. */
  readonly attributes: Readonly<Record<string, string>>
  readonly vlan: string | null
  readonly said: string
}

export interface RadiusRequest {
  readonly command?: 'auth' | 'status'
  readonly secret?: string
  /** With Message-Authenticator, as every device should; true by default. */
  readonly signed?: boolean
  /** Further attributes in radclient's language, such as `NAS-Identifier = vpn`. */
  readonly attributes?: readonly string[]
  /** How long silence is listened to. */
  readonly seconds?: number
}

export async function radclient(
  muster: RunningMuster,
  { command = 'auth', secret = nasSecret, signed = true, attributes = [], seconds = 10 }: RadiusRequest,
): Promise<RadiusAnswer> {
  const input = [...attributes, ...(signed ? ['Message-Authenticator = 0x00'] : [])].join('\n')
  const to = `127.0.0.1:${muster.ports.radius}`
  const args = ['-x', '-r', '1', '-t', String(seconds), to, command, secret]
  const { stdout, stderr } = await run('radclient', args, { input: `${input}\n` })
  const said = stdout + stderr
  // A reply whose digests are wrong is not a reply.
  const forged = /failed|invalid/i.test(stderr)
  const [, code, body = ''] = /Received (Access-\w+) .*\n((?:\t.*\n)*)/.exec(said) ?? []
  const attributesOf = [...body.matchAll(/^\t([\w-]+)(?::\d+)? = "?(.*?)"?$/gm)]
  const found = Object.fromEntries(attributesOf.map(([, name = '', value = '']) => [name, value]))
  const vlan = found['Tunnel-Private-Group-Id'] ?? null
  return { code: (!forged && code) || null, attributes: found, vlan, said }
}

/** A login over RADIUS with PAP. */
export function radiusLogin(
  muster: RunningMuster,
  name: string,
  password = `muster-${name}`,
  request: RadiusRequest = {},
): Promise<RadiusAnswer> {
  const login = [`User-Name = "${name}"`, `User-Password = "${password}"`]
  return radclient(muster, { ...request, attributes: [...login, ...(request.attributes ?? [])] })
}
