// What one look of the doctor finds.

export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'fault'
  readonly message: string
  /** What to do about it. */
  readonly advice?: string
}

export const good = (name: string, message: string): Check => ({ name, status: 'ok', message })
export const warning = (name: string, message: string, advice?: string): Check => ({
  name,
  status: 'warning',
  message,
  ...(advice !== undefined && { advice }),
})
export const fault = (name: string, message: string, advice?: string): Check => ({
  name,
  status: 'fault',
  message,
  ...(advice !== undefined && { advice }),
})
