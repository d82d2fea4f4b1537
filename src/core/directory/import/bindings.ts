// An organization file is looked through for what people could let themselves in by when it is read, and its bindings, which grant,
// are stored last. What others have changed until then is looked at once more.
import type { RuleRecords } from '../../ports.ts'
import { type HoldingPorts, holdExposures } from '../holding.ts'
import { beforeRuleTry } from '../tries.ts'
import type { Binding, OrganizationSettings } from '../types.ts'
import type { By } from '../writing.ts'

/**
 * `bindings`, whose `insert` is a `conflict` where all of `rows`, with the settings of the file, would by now have to be confirmed.
 * Throws Fault `busy`.
 */
export function bindingsBesideRules(
  by: By,
  bindings: RuleRecords<Binding>,
  ports: HoldingPorts,
  rows: readonly Binding[],
  settings: OrganizationSettings | null,
): RuleRecords<Binding> {
  let checked: bigint | null = null
  return {
    ...bindings,
    async insert(organization, row, audit) {
      for (let attempt = 1; ; attempt++) {
        const epoch = await ports.rules.epoch(organization)
        if (epoch !== checked) {
          const held = await holdExposures(by, ports, (standing) => ({
            ...standing,
            settings: settings ?? standing.settings,
            bindings: [...standing.bindings, ...rows],
          }))
          if (!held.ok) return { outcome: 'conflict' }
        }
        const outcome = await bindings.insert(organization, row, audit, epoch)
        // It starts the next epoch itself.
        if (outcome.outcome === 'written') checked = epoch + 1n
        if (outcome.outcome !== 'conflict') return outcome
        await beforeRuleTry(attempt)
      }
    },
  }
}
