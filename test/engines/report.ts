// What a run in the engines came to: said at its end, and kept as `.build/engines.json`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import { engineOf, type Limit, limitOf, limits } from './engines.ts'

export interface EngineReport {
  readonly engine: string
  readonly title: string
  readonly version: string
  readonly files: number
  readonly tests: number
  readonly passed: number
  readonly failed: number
  readonly skipped: readonly { readonly file: string; readonly test: string; readonly reason: string }[]
  readonly seconds: number
}

/** What a browser's program says of itself. */
export const versionOf = (program: string, env: NodeJS.ProcessEnv = {}): string => {
  const own = { ...process.env, ...env }
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 20_000, env: own })
  return /\d+(?:\.\d+)+\w*/.exec(stdout ?? '')?.[0] ?? 'unknown'
}

/** Of a test that the command line left out. */
const notChosen = 'not chosen'

/** Not the project's name, which Vitest makes up from more than one. */
const nameOf = ({ project }: TestModule): string => project.getProvidedContext().engine

export class EnginesReport implements Reporter {
  readonly #path: string
  readonly #versions: Readonly<Record<string, () => string | Promise<string>>>
  readonly #began = new Map<string, number>()
  readonly #ended = new Map<string, number>()

  constructor(path: string, versions: Readonly<Record<string, () => string | Promise<string>>>) {
    this.#path = path
    this.#versions = versions
  }

  onTestModuleQueued(module: TestModule): void {
    const name = nameOf(module)
    if (!this.#began.has(name)) this.#began.set(name, Date.now())
  }

  onTestModuleEnd(module: TestModule): void {
    this.#ended.set(nameOf(module), Date.now())
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    const names = [...new Set(modules.map(nameOf))]
    const reports: EngineReport[] = []
    for (const name of names)
      reports.push(
        await this.#report(
          name,
          modules.filter((module) => nameOf(module) === name),
        ),
      )
    mkdirSync(dirname(this.#path), { recursive: true })
    writeFileSync(this.#path, `${JSON.stringify(reports, undefined, 2)}\n`)
    for (const { title, version, tests, passed, failed, skipped, seconds } of reports) {
      const counts = `${passed} of ${tests} tests passed, ${failed} failed, ${skipped.length} skipped, ${seconds} s`
      console.log(`${title} ${version}: ${counts}`)
      for (const { file, test, reason } of skipped)
        if (reason !== notChosen) console.log(`  skipped: ${file} > ${test}\n    ${reason}`)
    }
    for (const limit of idleLimits(modules)) {
      console.error(
        `engines: ${limit.file} has no test for this row of test/engines/engines.ts: ${limit.test ?? 'all'}`,
      )
      process.exitCode = 1
    }
  }

  async #report(name: string, modules: readonly TestModule[]): Promise<EngineReport> {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const having = (state: string) => tests.filter((test) => test.result().state === state)
    // A file that does not load has no tests that could fail.
    const broken = modules.filter((module) => module.errors().length > 0)
    return {
      engine: name,
      title: engineOf(name).title,
      version: (await this.#versions[name]?.()) ?? 'unknown',
      files: modules.length,
      tests: tests.length,
      passed: having('passed').length,
      failed: having('failed').length + broken.length,
      skipped: having('skipped').map((test) => {
        const file = test.module.relativeModuleId
        const reason = limitOf(name, file, test.fullName)?.reason ?? notChosen
        return { file, test: test.fullName, reason }
      }),
      seconds: Math.round(((this.#ended.get(name) ?? 0) - (this.#began.get(name) ?? 0)) / 1000),
    }
  }
}

/** Rows of the table that kept nothing from running although their file ran: the test they are about has gone. */
const idleLimits = (modules: readonly TestModule[]): readonly Limit[] =>
  limits.filter((limit) => {
    const ran = modules.filter(
      (module) => limit.file === module.relativeModuleId && limit.engines.some((name) => name === nameOf(module)),
    )
    const names = ran.flatMap((module) => [...module.children.allTests()].map(({ fullName }) => fullName))
    return ran.length > 0 && !names.some((name) => limit.test === undefined || name.startsWith(limit.test))
  })
