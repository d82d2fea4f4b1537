// Asks what bench/inside.ts answers.
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Inquiry } from './inside.ts'

/** One question at a time to the process behind this socket. Rejects with what went wrong there. */
export async function inquire(path: string, inquiry: Inquiry): Promise<unknown> {
  const socket = connect(path)
  try {
    socket.write(`${JSON.stringify(inquiry)}\n`)
    for await (const line of createInterface({ input: socket })) {
      const { value, error } = JSON.parse(line) as { value?: unknown; error?: string }
      if (error !== undefined) throw new Error(`inside Muster: ${error}`)
      return value
    }
    throw new Error('Muster ended while it was asked')
  } finally {
    socket.destroy()
  }
}
