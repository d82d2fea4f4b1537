// Branded identifiers: a UserId cannot be passed where a GroupId is asked for. All are UUIDs in lower case.
import { randomUUID } from 'node:crypto'

declare const brand: unique symbol
type Id<Name extends string> = string & { readonly [brand]: Name }

export type OrganizationId = Id<'organization'>
export type UserId = Id<'user'>
export type DeviceId = Id<'device'>
export type GroupId = Id<'group'>
export type ResourceId = Id<'resource'>
export type BindingId = Id<'binding'>
export type ExemptionId = Id<'exemption'>
export type StateChangeId = Id<'state-change'>
export type SuggestionId = Id<'suggestion'>
export type AttributeId = Id<'attribute'>
export type FactorId = Id<'factor'>
export type ServiceAccountId = Id<'service-account'>
export type RadiusClientId = Id<'radius-client'>
export type TokenId = Id<'token'>
export type ConversationId = Id<'conversation'>
export type SessionId = Id<'session'>
export type ApplicationSessionId = Id<'application-session'>
export type SigningKeyId = Id<'signing-key'>
/** Whatever can be a member of a group. */
export type SubjectId = UserId | DeviceId

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Is this text a UUID in the one spelling that ids have here? */
export function isId(text: string): boolean {
  return uuid.test(text)
}

/** A new random identifier (UUID version 4, 122 random bits). */
export function newId<T extends string>(): T {
  return randomUUID() as string as T
}
