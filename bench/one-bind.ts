// One LDAP bind at a time over an open connection, each timed from the first byte sent to the last one received.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { decodeMessage } from '../src/wire/ldap/decode.ts'
import { encodeMessage } from '../src/wire/ldap/encode.ts'
import { frame } from '../src/wire/ldap/frame.ts'

export interface Binder {
  /** Milliseconds that a successful bind took. Rejects where it was refused. */
  bindMs(name: string, password: string): Promise<number>
  close(): void
}

export async function openBinder(port: number): Promise<Binder> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  let messageID = 0
  return {
    async bindMs(name, password) {
      messageID++
      const request = encodeMessage({
        messageID,
        controls: [],
        protocolOp: 'bindRequest',
        version: 3,
        name,
        authentication: { choice: 'simple', password: Buffer.from(password) },
      })
      const began = performance.now()
      socket.write(request)
      const answer = decodeMessage(await readMessage(socket))
      const elapsedMs = performance.now() - began
      if (answer.protocolOp !== 'bindResponse' || answer.resultCode !== 0) {
        throw new Error(`the bind of ${name} was refused: ${JSON.stringify(answer)}`)
      }
      return elapsedMs
    },
    close: () => void socket.destroy(),
  }
}

async function readMessage(socket: Socket): Promise<Buffer> {
  let bytes = Buffer.alloc(0)
  for (;;) {
    const [more] = (await once(socket, 'data')) as [Buffer]
    bytes = Buffer.concat([bytes, more])
    const { complete, length } = frame(bytes, 0, 65_536)
    if (complete) return bytes.subarray(0, length)
  }
}
