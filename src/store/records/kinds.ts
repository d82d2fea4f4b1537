// The kinds of records that differ only in their description: bindings, attribute definitions, service accounts; and
// exemptions, which are only read here because cells write them.
import type { AttributeDefinition, Binding, Exemption, ServiceAccount } from '../../core/directory/types.ts'
import type { Exemptions, Records, RuleRecords } from '../../core/ports.ts'
import { after, readPage } from '../reader.ts'
import { attributeDefinitions, bindings, exemptions, serviceAccounts } from '../rows.ts'
import { nothing, sql } from '../sql.ts'
import { createRecords } from './records.ts'
import { missing, type RecordStore, taken } from './writing.ts'

/** A binding's resource is told as changed too, also the one that an update takes the binding away from. */
export function createBindings(store: RecordStore): RuleRecords<Binding> {
  return createRecords<Binding>(store, {
    mapping: bindings,
    conditions: 'bindings',
    change: 'binding',
    epoch: true,
    constraints: {
      binding_org_resource_id_group_id_key: taken('groupId'),
      binding_org_group_id_fkey: missing('groupId'),
      binding_org_resource_id_fkey: missing('resourceId'),
    },
    async around(tx, organization, step, changed, proceed) {
      const before = await tx.query<{ resource: string }>(
        sql`select resource_id as resource from binding where org = ${organization} and id = ${step.row.id}`,
      )
      for (const { resource } of before) changed('resource', resource)
      if (step.do !== 'remove') changed('resource', step.row.resourceId)
      return proceed()
    },
  })
}

export function createAttributes(store: RecordStore): RuleRecords<AttributeDefinition> {
  return createRecords<AttributeDefinition>(store, {
    mapping: attributeDefinitions,
    conditions: 'attributes',
    change: 'attribute',
    epoch: true,
    constraints: { attribute_definition_org_of_name_key_key: taken('name') },
  })
}

export function createServiceAccounts(store: RecordStore): Records<ServiceAccount> {
  return createRecords<ServiceAccount>(store, {
    mapping: serviceAccounts,
    conditions: 'service-accounts',
    change: 'service-account',
    constraints: { service_account_org_name_key_key: taken('name') },
    async around(tx, organization, step, _changed, proceed) {
      if (step.do === 'remove') {
        await tx.query(sql`delete from factor where org = ${organization} and owner_id = ${step.row.id}`)
      }
      return proceed()
    },
  })
}

export function createExemptions({ database }: Pick<RecordStore, 'database'>): Exemptions {
  return {
    async find(organization, id) {
      const [row] = await database.query(
        sql`select ${exemptions.select('e')} from exemption e where e.org = ${organization} and e.id = ${id}`,
      )
      return row === undefined ? null : exemptions.read(row)
    },
    async list(organization, { group, subject }, page): Promise<Exemption[]> {
      const ofGroup = group === undefined ? nothing : sql` and e.group_id = ${group as string}`
      const ofSubject = subject === undefined ? nothing : sql` and e.subject_id = ${subject as string}`
      const rows = await readPage(
        database,
        sql`select ${exemptions.select('e')} from exemption e
          where e.org = ${organization}${ofGroup}${ofSubject}${after(sql`e.id`, page)}
          order by e.id limit ${page.limit}`,
        page,
      )
      return rows.map(exemptions.read)
    },
  }
}
