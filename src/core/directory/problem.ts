// What is wrong with something an administrator sent: one entry per fault, each naming its place and how to mend it.

export interface Problem {
  /** Path in the object that was sent: `attributes.badge`, `users[3].email`; empty for the object itself. */
  readonly field: string
  /** Stable, for programs: `unknown-field`, `too-long`, `wrong-type` … */
  readonly code: string
  /** For people: what is wrong and how to mend it. */
  readonly message: string
  /** What would be accepted, where that is a list. */
  readonly expected?: readonly string[]
  /** Where in a rule's text, in UTF-16 units from 0; `end` is exclusive. */
  readonly at?: { readonly start: number; readonly end: number }
  /** What to write there instead, where there is a good guess. */
  readonly suggestion?: string
}

/** Collects faults, so that all are told at once; stops taking more at a bound, so that an answer stays small. */
export class Problems {
  readonly list: Problem[] = []
  readonly #most: number

  constructor(most = 200) {
    this.#most = most
  }

  get none(): boolean {
    return this.list.length === 0
  }

  get full(): boolean {
    return this.list.length >= this.#most
  }

  add(field: string, code: string, message: string, expected?: readonly string[]): undefined {
    if (!this.full) this.list.push({ field, code, message, ...(expected && { expected }) })
    return undefined
  }

  addAll(problems: readonly Problem[]): void {
    for (const problem of problems) if (!this.full) this.list.push(problem)
  }
}

/** `inside('users[3]', 'email')` is `users[3].email`. */
export function inside(field: string, name: string): string {
  return field === '' ? name : `${field}.${name}`
}
