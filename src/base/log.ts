// What a part of the house needs of a log. app.ts gives it pino; tests give it a list.

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

const deepest = 5

/**
 * What a log shows of an error: name, message, code, stack and causes. Nothing else that hangs on it: clients of databases
 * attach the command that failed, with its arguments, which are passwords where it was the one to log in.
 */
export function errorFields(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'object' ? { type: typeof error } : error
  const { name, message, stack, cause } = error
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const inner = cause === undefined || depth >= deepest ? {} : { cause: errorFields(cause, depth + 1) }
  return { type: name, message, ...code, stack, ...inner }
}

/** For pino: the fields in which errors are logged. */
export const logSerializers = {
  err: (error: unknown) => errorFields(error),
  error: (error: unknown) => errorFields(error),
}

/** JSON for a terminal: what JSON leaves alone and a terminal obeys (C1 controls, turns of direction) is escaped as well. */
export function printableJson(value: unknown): string {
  return (JSON.stringify(value) ?? '').replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
