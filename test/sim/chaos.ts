import type { Dice } from './dice.ts'
import type { Tally } from './tally.ts'

/** Whether things go wrong, how often, and a count of what did. */
export class Chaos {
  isOn = false
  onStrike: (what: string) => void = () => {}
  readonly dice: Dice
  readonly tally: Tally
  /** Some days are worse than others. */
  readonly strength: number

  constructor(dice: Dice, tally: Tally) {
    this.dice = dice
    this.tally = tally
    this.strength = dice.pick([0.3, 1, 1, 2])
  }

  /** Whether this goes wrong now; it is counted when it does. */
  strikes(what: string, probability: number): boolean {
    if (!this.isOn || !this.dice.chance(probability * this.strength)) return false
    this.tally.count(what)
    this.onStrike(what)
    return true
  }
}
