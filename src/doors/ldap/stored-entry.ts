// The operational attributes that every stored entry has (RFC 4512 §3.4, RFC 4530, RFC 5020).
import type { Stored } from '../../core/directory/types.ts'
import { constant, type Shown, shownField, standard } from './layout.ts'
import { typeOf } from './schema.ts'
import type { Tree } from './tree.ts'

export const subschemaDn = 'cn=subschema'

export function operational<T>(
  tree: Tree,
  branch: 'users' | 'groups' | 'devices',
  structuralClass: string,
  nameField: string,
  storedOf: (entry: T) => Stored & { readonly id: string },
  nameOf: (entry: T) => string,
): readonly Shown<T>[] {
  type S = Stored & { readonly id: string }
  const of = storedOf as (subject: never) => S
  return [
    shownField<S>('entryUUID', 'id', of, 'uuid') as Shown<T>,
    {
      type: typeOf('entryDN'),
      source: { kind: 'own-dn', branch, field: standard(nameField) },
      values: (entry) => [tree.entryDn(branch, nameOf(entry))],
    },
    shownField<S>('createTimestamp', 'createdAt', of, 'time') as Shown<T>,
    shownField<S>('modifyTimestamp', 'updatedAt', of, 'time') as Shown<T>,
    constant('structuralObjectClass', [structuralClass]),
    constant('subschemaSubentry', [subschemaDn]),
    constant('hasSubordinates', ['FALSE']),
  ]
}
