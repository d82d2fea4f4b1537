// Free ports on loopback, for servers that cannot be asked which port they got.
import { createSocket } from 'node:dgram'
import { createServer, connect as tcpConnect } from 'node:net'

const host = '127.0.0.1'

function tcpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

function udpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => resolve(false))
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve(true)))
  })
}

const given = new Set<number>()
/** Test files run side by side, in processes that follow each other closely: each looks among ports of its own first. */
const first = 10_000 + (process.pid % 22) * 1_000

/**
 * A port that is free for TCP and UDP on 127.0.0.1. It lies below the range from which the kernel serves outgoing
 * connections, so that none of those takes it between this answer and its use.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port =
      tries < 100 ? first + Math.floor(Math.random() * 1_000) : 10_000 + Math.floor(Math.random() * 22_000)
    if (given.has(port)) continue
    if ((await tcpIsFree(port)) && (await udpIsFree(port))) {
      given.add(port)
      return port
    }
  }
  throw new Error('no free port found on 127.0.0.1')
}

/** Does anything accept TCP connections there? */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = tcpConnect({ port, host })
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })
}
