// From the measures of all rounds to medians, ratios and what they say about the goals.
import { isCost } from './goals.js'

const medianOf = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
const rounded = (value) => Number(value.toPrecision(4))

export const spreadOf = (values) => ({
  median: rounded(medianOf(values)),
  min: rounded(Math.min(...values)),
  max: rounded(Math.max(...values)),
})

const summarise = ({ name, group, also, text }, rounds) => {
  const measures = Object.keys(rounds[0][name])
  const spread = (measure) => spreadOf(rounds.map((round) => round[name][measure]))
  const named = { name, group, ...(also === undefined ? {} : { also }), text }
  return { ...named, measures: Object.fromEntries(measures.map((measure) => [measure, spread(measure)])) }
}

const compare = ({ id, text, measure, of, to, toMeasure = measure, goal }, rounds) => {
  const lowerIsBetter = isCost(measure)
  const best = lowerIsBetter ? Math.min : Math.max
  const perRound = rounds.map(
    (round) => round[of][measure] / (to === undefined ? 1 : best(...to.map((name) => round[name][toMeasure]))),
  )
  const spread = spreadOf(perRound)
  const isMet = lowerIsBetter ? spread.median <= goal : spread.median >= goal
  return {
    id,
    text,
    isRatio: to !== undefined,
    lowerIsBetter,
    ...spread,
    ...(goal === undefined ? {} : { goal, isMet }),
  }
}

/** The result of a run: contenders with medians and spread, and the ratios of those that ran. */
export const summariseRun = (contenders, ratios, rounds) => {
  const names = new Set(contenders.map(({ name }) => name))
  const compared = ratios.filter(({ of, to = [] }) => [of, ...to].every((name) => names.has(name)))
  return {
    contenders: contenders.map((contender) => summarise(contender, rounds)),
    ratios: compared.map((ratio) => compare(ratio, rounds)),
  }
}

/** Options that may differ between two results that are compared. */
const freeOptions = new Set(['rounds', 'seed', 'eventCharacters'])

/** Names of the options in which two results are not about the same. */
export const differences = (result, baseline) =>
  [...new Set([...Object.keys(result.options), ...Object.keys(baseline.options)])].filter(
    (name) => !freeOptions.has(name) && result.options[name] !== baseline.options[name],
  )

/** The newer result, and what only the older one has; in the order of `contenders` and `ratios`, which name all there may be. */
export const merge = (older, newer, { contenders, ratios }) => {
  if (differences(newer, older).length > 0) return newer
  const newest = (key, all, field) =>
    all.flatMap((one) => [...newer[field], ...older[field]].find((value) => value[key] === one[key]) ?? [])
  return { ...newer, contenders: newest('name', contenders, 'contenders'), ratios: newest('id', ratios, 'ratios') }
}

/** One line for each ratio that fell more than `share` behind the baseline's; other numbers are their machine's. */
export const fallsBehind = (ratios, baseline, share = 0.2) =>
  ratios.flatMap(({ id, text, isRatio, lowerIsBetter, median }) => {
    const before = baseline.ratios.find((one) => one.id === id)?.median
    if (before === undefined || !isRatio) return []
    const kept = lowerIsBetter ? before / median : median / before
    if (kept >= 1 - share) return []
    return [`${id}: ${text}: ${median}, the baseline has ${before} (${Math.round((1 - kept) * 100)} % worse)`]
  })
