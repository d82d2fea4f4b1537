// A NAS for tests, written from RFC 2865, 2869 and 3579 without any of our codec: builds requests byte by byte, and
// proves replies with its own digests.
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'

export const nasSecret = 'muster-radius-secret'

export type Attribute = readonly [type: number, value: string | Buffer]

export interface RequestShape {
  readonly code?: number
  readonly identifier?: number
  readonly authenticator?: Buffer
  readonly attributes?: readonly Attribute[]
  readonly secret?: string
  /** What stands in User-Password, hidden; none by default. */
  readonly password?: string | Buffer
  /** `valid` by default, as the last attribute. */
  readonly signature?: 'valid' | 'wrong' | 'none'
}

const md5 = (...parts: (string | Buffer)[]): Buffer =>
  parts.reduce((digest, part) => digest.update(part), createHash('md5')).digest()

/** RFC 2865 §5.2 */
export function hide(password: string | Buffer, authenticator: Buffer, secret = nasSecret): Buffer {
  const plain = Buffer.from(password)
  const blocks = Math.max(1, Math.ceil(plain.length / 16))
  const padded = Buffer.concat([plain], blocks * 16)
  let last = authenticator
  const hidden: Buffer[] = []
  for (let block = 0; block < blocks; block++) {
    const pad = md5(secret, last)
    last = Buffer.from(
      padded.subarray(block * 16, block * 16 + 16).map((byte, i) => byte ^ (pad[i] as number)),
    )
    hidden.push(last)
  }
  return Buffer.concat(hidden)
}

export function buildRequest(shape: RequestShape = {}): Buffer {
  const { code = 1, identifier = 7, authenticator = randomBytes(16), secret = nasSecret } = shape
  const { attributes = [], signature = 'valid', password } = shape
  const all: Attribute[] = [...attributes]
  if (password !== undefined) all.push([2, hide(password, authenticator, secret)])
  if (signature !== 'none') all.push([80, Buffer.alloc(16)])
  const body = all.map(([type, value]) => {
    const bytes = Buffer.from(value)
    return Buffer.concat([Buffer.from([type, bytes.length + 2]), bytes])
  })
  const packet = Buffer.concat([Buffer.from([code, identifier, 0, 0]), authenticator, ...body])
  packet.writeUInt16BE(packet.length, 2)
  if (signature !== 'none') {
    const digest = createHmac('md5', secret).update(packet).digest()
    if (signature === 'wrong') digest[15] = (digest[15] as number) ^ 1
    digest.copy(packet, packet.length - 16)
  }
  return packet
}

/** A PAP request of this user. */
export function pap(name: string, password: string, shape: RequestShape = {}): Buffer {
  return buildRequest({ ...shape, attributes: [[1, name], ...(shape.attributes ?? [])], password })
}

export interface ProvenReply {
  readonly code: number
  readonly identifier: number
  /** `type=hex`, in order, with Message-Authenticator as `80` alone. */
  readonly attributes: readonly string[]
}

/** Reads a reply and proves it; throws where a digest is wrong. */
export function proveReply(reply: Uint8Array, request: Buffer, secret = nasSecret): ProvenReply {
  const bytes = Buffer.from(reply)
  if (bytes.readUInt16BE(2) !== bytes.length) throw new Error('Length is not the length')
  const asked = request.subarray(4, 20)
  const answered = md5(bytes.subarray(0, 4), asked, bytes.subarray(20), secret)
  if (!answered.equals(bytes.subarray(4, 20))) throw new Error('wrong Response Authenticator')
  const attributes: string[] = []
  const unsigned = Buffer.concat([bytes.subarray(0, 4), asked, bytes.subarray(20)])
  let signature: Buffer | null = null
  for (let at = 20; at < bytes.length; at += bytes[at + 1] as number) {
    const value = bytes.subarray(at + 2, at + (bytes[at + 1] as number))
    if (bytes[at] === 80) {
      signature = value
      unsigned.fill(0, at + 2, at + 18)
      attributes.push('80')
    } else attributes.push(`${bytes[at]}=${value.toString('hex')}`)
  }
  const signed = createHmac('md5', secret).update(unsigned).digest()
  if (signature === null || !signed.equals(signature)) throw new Error('wrong Message-Authenticator')
  return { code: bytes[0] as number, identifier: bytes[1] as number, attributes }
}

/** A UDP socket that collects what comes back. */
export class NasSocket {
  readonly #socket: Socket
  readonly #port: number
  readonly #host: string
  readonly #arrived: Buffer[] = []
  #wake: (() => void) | null = null

  constructor(port: number, host = '127.0.0.1') {
    this.#port = port
    this.#host = host
    this.#socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    this.#socket.on('message', (bytes) => {
      this.#arrived.push(bytes)
      this.#wake?.()
    })
  }

  send(bytes: Buffer): void {
    this.#socket.send(bytes, this.#port, this.#host)
  }

  /** The next datagram that came or comes. */
  async next(): Promise<Buffer> {
    if (this.#arrived.length === 0) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no answer')), 10_000)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#arrived.shift() as Buffer
  }

  async exchange(request: Buffer, secret = nasSecret): Promise<ProvenReply> {
    this.send(request)
    return proveReply(await this.next(), request, secret)
  }

  close(): void {
    this.#socket.close()
  }
}
