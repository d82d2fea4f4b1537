// An organization file is checked as a whole, and its groups are stored one by one, long after where many passwords had to be
// hashed. What their rules read must still be there then.
import type { GroupRecords, RuleSource } from '../../ports.ts'
import { ruleFaults } from '../groups.ts'
import { beforeRuleTry } from '../tries.ts'

/**
 * `groups`, whose `insert` stores a group only beside rules with which its own is sound: those of `epoch`, beside which it was
 * checked, or else those that are there by now. Where it is not, `rule` is `missing` something. Throws Fault `busy`.
 */
export function groupsBesideRules(
  groups: GroupRecords,
  rules: Pick<RuleSource, 'read'>,
  epoch: bigint,
): GroupRecords {
  let checked = epoch
  return {
    ...groups,
    async insert(organization, row, audit) {
      for (let attempt = 1; ; attempt++) {
        const outcome = await groups.insert(organization, row, audit, checked)
        // It starts the next epoch itself.
        if (outcome.outcome === 'written') checked++
        if (outcome.outcome !== 'conflict') return outcome
        await beforeRuleTry(attempt)
        const now = await rules.read(organization)
        if (ruleFaults(row, null, now.groups, now.attributes).length > 0)
          return { outcome: 'missing', field: 'rule' }
        checked = now.epoch
      }
    },
  }
}
