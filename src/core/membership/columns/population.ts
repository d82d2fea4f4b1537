// The users and devices of one organization in columns, for questions about all of them at once. Lives in a thread of its own;
// has one writer. A million users with their devices are some hundred megabytes here, and no objects.
import type { Device, SubjectKind, User } from '../../directory/types.ts'
import { deviceFacts, userFacts } from '../language/facts.ts'
import type { RuleSchema } from '../language/schema.ts'
import { MaskPool } from './mask.ts'
import { none, Owners } from './owners.ts'
import { Rows } from './rows.ts'
import type { PopulationWriter } from './shapes.ts'

export interface PopulationSettings {
  /** Texts with at most so many distinct values are kept as codes, also where most of them occur once. */
  readonly mostUnasked: number
}

const defaults: PopulationSettings = { mostUnasked: 16_384 }

export class Population implements PopulationWriter {
  readonly users: Rows
  readonly devices: Rows
  readonly owners = new Owners()
  readonly masks = new MaskPool()
  /** Nobody is in a group as far as facts of columns go: groups are the view's. */
  readonly #inNone: ReadonlySet<never> = new Set()

  /** For an organization with these schemas (`subjectSchemas`). */
  constructor(schemas: Readonly<Record<SubjectKind, RuleSchema>>, settings: PopulationSettings = defaults) {
    const { mostUnasked } = settings
    this.users = new Rows(schemas.users, mostUnasked, (rows) => this.owners.resizeUsers(rows))
    this.devices = new Rows(schemas.devices, mostUnasked, (rows) => this.owners.resizeDevices(rows))
  }

  /** Of all columns; distinct values that repeat are JavaScript strings, and not in it. */
  get bytes(): number {
    return this.users.bytes + this.devices.bytes + this.owners.bytes
  }

  /** Other custom attributes. Subjects that have values of new ones have to be put in again. */
  declare(schemas: Readonly<Record<SubjectKind, RuleSchema>>): void {
    this.users.declare(schemas.users)
    this.devices.declare(schemas.devices)
  }

  upsertUser(ordinal: number, user: User): void {
    this.users.put(ordinal, userFacts(user, this.#inNone))
  }

  removeUser(ordinal: number): void {
    // Also where it never came: its devices may have come before it.
    if (ordinal < this.users.size) this.owners.release(ordinal)
    this.users.remove(ordinal)
  }

  upsertDevice(ordinal: number, device: Device, ownerOrdinal: number): void {
    if (ownerOrdinal !== -1) this.users.take(ownerOrdinal)
    this.devices.put(ordinal, deviceFacts(device, this.#inNone))
    this.owners.set(ordinal, ownerOrdinal === -1 ? none : ownerOrdinal)
  }

  removeDevice(ordinal: number): void {
    if (this.devices.remove(ordinal)) this.owners.set(ordinal, none)
  }

  fit(): void {
    this.users.fit()
    this.devices.fit()
  }
}
