// Why somebody is a member, in a word each: who was approved was not simply added by hand.

export interface Reasoned {
  readonly reasons: readonly string[]
  readonly approved?: boolean
}

export const shownReasons = ({ reasons, approved }: Reasoned): readonly string[] =>
  approved === true ? reasons.map((reason) => (reason === 'manual' ? 'approved' : reason)) : reasons
