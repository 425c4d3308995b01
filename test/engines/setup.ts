// Before each file of tests in an engine: it is that engine, and what it can not do is left out with its reason.
import { beforeEach, inject } from 'vitest'
import { engineOf, limitOf } from './engines.ts'

declare module 'vitest' {
  interface ProvidedContext {
    engine: string
  }
}

const engine = engineOf(inject('engine'))
if (!engine.userAgent.test(navigator.userAgent)) throw new Error(`this is not ${engine.title}: ${navigator.userAgent}`)

beforeEach(({ task, skip }) => {
  const limit = limitOf(engine.name, task.file.name, task.fullTestName)
  if (limit !== undefined) skip(limit.reason)
})
