// In CI a test that fails is tried once more (decision 034). What needed that is said, so that it does not go unseen.
import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'

/**
 * How often a test is tried again. Nowhere but in CI: whoever works on it wants to see it fail. Never one that fast-check has found a
 * counterexample for: another run would only look elsewhere.
 */
export const retry = { count: process.env.CI === 'true' ? 1 : 0, condition: /^(?!Property failed)/ }

const kept = '.build/second-tries.txt'

export default class SecondTries implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const told = modules.flatMap((module) =>
      [...module.children.allTests()]
        .filter((test) => test.diagnostic()?.flaky)
        .map((test) => {
          const [first] = test.result().errors ?? []
          return `${test.project.name} ${module.relativeModuleId} > ${test.fullName}: ${first?.message ?? 'no reason'}`
        }),
    )
    if (told.length === 0) return
    mkdirSync(dirname(kept), { recursive: true })
    appendFileSync(kept, `${told.join('\n')}\n`)
    console.log(`needed a second try:\n${told.map((one) => `  ${one}`).join('\n')}`)
  }
}
