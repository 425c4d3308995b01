import type { Random } from '../../src/core/ports.ts'

/** Choices made by chance, the same for the same seed. */
export class Dice {
  readonly random: Random

  constructor(random: Random) {
    this.random = random
  }

  chance(probability: number): boolean {
    return this.random.fraction() < probability
  }
  /** A whole number from 0 to `max` - 1. */
  below(max: number): number {
    return Math.floor(this.random.fraction() * max)
  }
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }
  /** Mostly near `least`, seldom near `most`. */
  skewed(least: number, most: number): number {
    return least + Math.floor((most - least) * this.random.fraction() ** 4)
  }
  pick<T>(list: readonly T[]): T {
    const chosen = list[this.below(list.length)]
    if (chosen === undefined) throw new Error('nothing to pick from')
    return chosen
  }
}
