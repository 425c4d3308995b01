import type { Comparison } from './tally.ts'

/** How often something is killed. `TIDELOG_KILLS=5` for a quick look. */
export const rounds = Number(process.env.TIDELOG_KILLS ?? 40)

/** The same over all activities together: by default each fault at each activity, relaxed and strict, once. */
export const activityRounds = Number(process.env.TIDELOG_KILLS ?? 48)

/** What a test saw, as a table. */
export function report(title: string, figures: Readonly<Record<string, number>>): void {
  const width = Math.max(...Object.keys(figures).map((name) => name.length))
  const lines = Object.entries(figures).map(
    ([name, figure]) => `  ${name.padEnd(width)}  ${String(figure).padStart(6)}`,
  )
  process.stdout.write(`\n${[title, ...lines].join('\n')}\n`)
}

export const figuresOf = ({ missing, half, doubled }: Comparison): Readonly<Record<string, number>> => ({
  missing: missing.length,
  half: half.length,
  doubled: doubled.length,
})
