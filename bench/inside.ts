// Loaded into Muster's process by the benchmark (`node --import`), never by Muster: answers on a local socket what can only
// be known from inside, how long one hash takes there and where the processor's time goes. Idle, it costs nothing.
import { Session } from 'node:inspector/promises'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { verify } from '@node-rs/argon2'

/** One line of JSON for each question and each answer. */
export type Inquiry =
  | { readonly ask: 'verify'; readonly hash: string; readonly password: string }
  | { readonly ask: 'profile-start' }
  | { readonly ask: 'profile-stop' }

const profiler = new Session()
const samplingIntervalUs = 500

async function answer(inquiry: Inquiry): Promise<unknown> {
  switch (inquiry.ask) {
    case 'verify': {
      const began = performance.now()
      if (!(await verify(inquiry.hash, inquiry.password))) throw new Error('the password does not fit')
      return performance.now() - began
    }
    case 'profile-start':
      profiler.connect()
      await profiler.post('Profiler.enable')
      await profiler.post('Profiler.setSamplingInterval', { interval: samplingIntervalUs })
      await profiler.post('Profiler.start')
      return true
    case 'profile-stop': {
      const { profile } = await profiler.post('Profiler.stop')
      profiler.disconnect()
      return profile
    }
    default:
      throw new Error(`no such question: ${JSON.stringify(inquiry satisfies never)}`)
  }
}

const path = process.env.BENCH_SOCKET
if (path === undefined) throw new Error('BENCH_SOCKET is not set')
const server = createServer((socket) => {
  socket.unref()
  socket.on('error', () => {})
  createInterface({ input: socket }).on('line', (line) => {
    answer(JSON.parse(line) as Inquiry).then(
      (value) => socket.write(`${JSON.stringify({ value })}\n`),
      (error: unknown) => socket.write(`${JSON.stringify({ error: String(error) })}\n`),
    )
  })
})
server.listen(path)
server.unref()
