// A process that answers orders with letters and publishes them, until it is told to die: before the n-th write to its store, or
// right behind it. It says what it does outside the log, and `done` when there is nothing left to do.
import { writeSync } from 'node:fs'
import { defineReactor, defineTask } from '../../src/automation/index.ts'
import { defineEvents, defineLog, event, type } from '../../src/index.ts'
import { postgresStore } from '../postgres.ts'
import { sqliteStore } from '../sqlite-store.ts'
import type { LogStore } from '../store.ts'
import { openServerLog } from './open.ts'

const [path = '', count = '0', dieAt = '0', when = 'before'] = process.argv.slice(2)

const toOrder = ({ order }: { readonly order: string }): string => `order-${order}`
const order = () => event(type<{ order: string }>(), { stream: toOrder, tags: ['order'] })
const events = defineEvents({ Placed: order(), Letter: order(), Published: order() })
const say = (what: string): void => void writeSync(1, `${what}\n`)

const letters = defineReactor(events, {
  name: 'letters',
  on: 'server',
  query: { types: ['Placed'] },
  react: ({ data }) => {
    say(`asked ${data.order}`)
    return [events.Letter(data)]
  },
})
const publish = defineTask(events, {
  name: 'publish',
  on: 'server',
  query: { types: ['Placed'] },
  plan: ({ data }) => ({ input: data }),
  run: (input) => {
    say(`published ${input.order}`)
    return [events.Published(input)]
  },
  leaseMs: 300,
  // Each process that dies is a try.
  attempts: 100,
})

const die = async (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => {})
}
const inner = /^postgres(ql)?:/.test(path) ? postgresStore({ connectionString: path }) : sqliteStore(path)
let writes = 0
const store: LogStore = {
  ...inner,
  append: async (...args) => {
    const isLast = ++writes === Number(dieAt)
    if (isLast && when === 'before') return die()
    const answer = await inner.append(...args)
    return isLast ? die() : answer
  },
}

const model = defineLog({ name: 'office', events, automations: [letters, publish] })
const log = openServerLog(model, { store, leaseMs: 300 })
const isDone = async (): Promise<boolean> => {
  const found = await Promise.all(
    (['Letter', 'Published'] as const).map(async (one) => (await log.read({ query: { types: [one] } }).all()).events),
  )
  return found.every(({ length }) => length >= Number(count))
}
while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 10))
await log.close()
await inner.close()
say('done')
