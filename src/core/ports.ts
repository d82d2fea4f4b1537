// All that core needs from outside: the store, the vault and the feed of changes implement these.
export * from './ports/access.ts'
export * from './ports/applications.ts'
export * from './ports/changes.ts'
export * from './ports/insight.ts'
export * from './ports/membership.ts'
export * from './ports/reading.ts'
export * from './ports/records.ts'
export * from './ports/waiting.ts'
