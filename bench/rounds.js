// Interleaved rounds: every contender once per round, in an order that is new each time.

/** Shuffles by a seed, so that a run can be repeated in the same order. */
export const shuffle = (values, seed) => {
  const shuffled = [...values]
  let state = seed >>> 0
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  for (let at = shuffled.length - 1; at > 0; at--) {
    const other = Math.floor(next() * (at + 1))
    ;[shuffled[at], shuffled[other]] = [shuffled[other], shuffled[at]]
  }
  return shuffled
}

/** Runs all rounds and answers the measures of each, by contender. The first round warms up and is dropped. */
export const runRounds = async (names, { rounds, seed }, run) => {
  const taken = []
  for (let round = 0; round <= rounds; round++) {
    const measures = {}
    for (const name of shuffle(names, seed + round)) measures[name] = await run(name, round)
    if (round > 0) taken.push(measures)
    process.stderr.write(`bench: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`} done\n`)
  }
  return taken
}
