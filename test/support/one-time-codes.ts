// One-time codes as a telephone makes them: RFC 6238 with SHA-1, six digits, 30 seconds; none of our code.
import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const stepMs = 30_000

export function codeOfStep(seed: string, step: number): string {
  const bits = [...seed]
    .map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
    .join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', key).update(counter).digest()
  const offset = (mac[19] as number) & 15
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/**
 * Codes of one seed, each good for another 30 seconds at least and none given twice. They are of this step and the next
 * one, since the server tolerates one step: a third one has to wait for the clock.
 */
export class OneTimeCodes {
  readonly #seed: string
  #last = 0

  constructor(seed: string) {
    this.#seed = seed
  }

  async next(): Promise<string> {
    const step = Math.max(this.#last + 1, Math.floor(Date.now() / stepMs))
    const tooEarlyMs = (step - 1) * stepMs - Date.now()
    if (tooEarlyMs > 0) await sleep(tooEarlyMs + 50)
    this.#last = step
    return codeOfStep(this.#seed, step)
  }
}
