// Who owns which device, both ways: the owner of each device, and a chain of devices for each user.
import { resized, type Words, wordsArray } from './storage.ts'

/** Stands for no owner and for no device. */
export const none = 0xffffffff

const links = (length: number): Words => wordsArray(length).fill(none)

export class Owners {
  /** By device: its owner or `none`. */
  ofDevice: Words = links(0)
  /** By user: the first device of the chain. */
  #first = links(0)
  #next = links(0)
  #previous = links(0)

  get bytes(): number {
    const { ofDevice } = this
    return [ofDevice, this.#first, this.#next, this.#previous].reduce((sum, one) => sum + one.byteLength, 0)
  }

  resizeUsers(rows: number): void {
    this.#first = longer(this.#first, rows)
  }

  resizeDevices(rows: number): void {
    this.ofDevice = longer(this.ofDevice, rows)
    this.#next = longer(this.#next, rows)
    this.#previous = longer(this.#previous, rows)
  }

  /** `owner` may be `none`. */
  set(device: number, owner: number): void {
    const before = this.ofDevice[device] as number
    if (before === owner) return
    if (before !== none) this.#unlink(device, before)
    this.ofDevice[device] = owner
    if (owner === none) return
    const first = this.#first[owner] as number
    this.#next[device] = first
    this.#previous[device] = none
    if (first !== none) this.#previous[first] = device
    this.#first[owner] = device
  }

  /** The user's devices are nobody's from then on. */
  release(user: number): void {
    for (let device = this.first(user); device !== none; device = this.first(user)) this.set(device, none)
  }

  /** The first of the user's devices, or `none`. */
  first(user: number): number {
    return this.#first[user] as number
  }

  /** The device after this one, or `none`. */
  next(device: number): number {
    return this.#next[device] as number
  }

  #unlink(device: number, owner: number): void {
    const next = this.#next[device] as number
    const previous = this.#previous[device] as number
    if (previous === none) this.#first[owner] = next
    else this.#next[previous] = next
    if (next !== none) this.#previous[next] = previous
  }
}

function longer(array: Words, rows: number): Words {
  return resized(array, rows, links)
}
