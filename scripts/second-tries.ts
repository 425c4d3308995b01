// A test that fails may be tried once more where the browser is to blame now and then (decision 034). What needed that is said.
import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'

/** What fails twice is no accident. What fast-check has found a counterexample for is none either: another run would look elsewhere. */
export const retry = { count: 1, condition: /^(?!Property failed)/ }

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
