// A page with a log on which one thing is done at a time. It says each beginning and each end at once to the watchman.
import { defineEvents, defineFor, defineLog, event, openLog, type, unwrap } from 'tidelog'
import { openReadModel } from 'tidelog/read-model'
import { adopt } from 'tidelog/replica'
import { importLog } from 'tidelog/transfer'
import type { Entry, Part } from '../tally.ts'
import { goOn, hasEnded } from './going-on.ts'
import workerUrl from './worker.ts?worker&url'

type Berth = Part & { readonly stream: string }
const events = defineEvents({ Berthed: event(type<Berth>(), { stream: ({ stream }) => stream }) })
const query = new URLSearchParams(location.search)
const watchman = query.get('watchman') ?? ''
const told = `${watchman}?round=${query.get('round')}`
/** How many events each pier has; a higher version builds the rows anew. */
const piers = (version: number) =>
  defineFor(events).readModel<number>({
    name: 'piers',
    version,
    ids: { Berthed: ({ data }) => `${data.stream}-${data.part}` },
    on: { Berthed: (count = 0) => count + 1 },
  })

let worker: Worker | undefined
const open = () =>
  openLog(defineLog({ name: 'harbour', events }), {
    key: query.get('key') ?? '',
    durability: query.get('durability') === 'strict' ? 'strict' : 'relaxed',
    ...(query.has('sync') ? { sync: `/sync/${query.get('sync')}` } : {}),
    worker: () => {
      worker = new Worker(`${workerUrl}${location.search}`, { type: 'module' })
      return worker
    },
  })
let log = open()
const reopen = (): void => {
  log = open()
}

let lines: string[] = []
let telling = false
/** One request after the other, so that what is told arrives in order. */
async function tell(line: string): Promise<void> {
  lines.push(line)
  if (telling) return
  telling = true
  while (lines.length > 0) {
    const body = lines.join('\n')
    lines = []
    await fetch(told, { method: 'POST', mode: 'no-cors', body })
  }
  telling = false
}

/** Chosen by the seed of the run, so that a run can be made again. */
let state = Number(query.get('seed') ?? 1)
function fraction(): number {
  state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
  return state / 2 ** 32
}
const pick = <T>(choices: readonly T[]): T => choices[Math.floor(fraction() * choices.length)] as T
const makeCommit = (commit: string) => {
  const parts = pick([1, 1, 2, 4])
  return Array.from({ length: parts }, (_, part) => {
    const size = pick([10, 10, 10, 100, 100, 2_000, 20_000])
    return events.Berthed({ commit, part, parts, size, pad: '~'.repeat(size), stream: pick(['quay', 'pier']) })
  })
}

let isBusy = false
const guarded = (doing: Promise<unknown>): void => {
  doing.catch((error: unknown) => tell(`error ${String(error).replaceAll('\n', ' ')}`))
}
async function appendOne(commit: string): Promise<void> {
  void tell(`begin ${commit}`)
  unwrap(await log.append(makeCommit(commit)))
  void tell(`end ${commit}`)
}

/** Appends, each writer one behind the other, while it `goesOn`. */
async function write(name: string, goesOn: () => boolean): Promise<void> {
  const writeOn = async (writer: number): Promise<void> => {
    for (let nth = 0; goesOn(); nth++) await appendOne(`${name}-${writer}-${nth}`)
  }
  await Promise.all([0, 1, 2, 3].map(writeOn))
}

/** What goes on until all is in step. */
let going: Promise<void> | undefined
/** Goes on with the log while it is written to, until it has ended. */
async function goOnUnder(name: string, begin: () => Promise<void>): Promise<void> {
  const first = log
  const ended = (error: unknown): void => {
    if (!hasEnded(error)) throw error
  }
  await Promise.all([write(name, () => isBusy && log === first).catch(ended), begin().catch(ended)])
  await goOn(() => log, reopen)
}

const doings = {
  append: (name: string): Promise<void> => write(name, () => isBusy),
  /** Ends the log, which follows a server that has nothing of it, and brings all over. */
  adopt: (name: string): Promise<void> => {
    going = goOnUnder(name, () => adopt(log, { bring: 'missing' }))
    return going
  },
  /** Gives the log to its first server. */
  attach: (name: string): Promise<void> => {
    going = goOnUnder(name, () => goOn(() => log, reopen))
    return going
  },
  /** Imports the files that the watchman has, and says of each that it is in the log. */
  import: async (): Promise<void> => {
    const files: readonly { readonly bytes: string; readonly commits: readonly string[] }[] = await (
      await fetch(`${watchman}files`)
    ).json()
    for (const { bytes, commits } of files) {
      void tell(commits.map((commit) => `begin ${commit}`).join('\n'))
      const file = Uint8Array.from(atob(bytes), (unit) => unit.charCodeAt(0))
      const { refused } = await importLog(log, [file]).finished
      if (refused.length > 0) throw new Error(JSON.stringify(refused))
      void tell(commits.map((commit) => `end ${commit}`).join('\n'))
    }
  },
  /** Says how far the log has followed the server, and follows. */
  pull: async (): Promise<void> => {
    const say = (): void => void tell(`pulled ${log.sync.get().confirmed}`)
    log.sync.subscribe(say)
    await log.ready
    log.sync.now()
    say()
  },
  /** Builds all rows of a read model anew. */
  rebuild: async (_name: string, version: number): Promise<void> => {
    const rows = openReadModel(log, piers(version))
    await rows.waitFor((await log.logHead()).marker)
    if (isBusy) await rows.reset()
  },
}

const controls = {
  ready: () => log.ready,
  begin: (doing: keyof typeof doings, name: string, version: number): void => {
    isBusy = true
    guarded(doings[doing](name, version))
  },
  stop: (): void => {
    isBusy = false
  },
  /** One append that is acknowledged: behind it nothing of the start is under way any more. */
  settle: (name: string): Promise<void> => appendOne(name),
  terminate: (): void => worker?.terminate(),
  read: async (): Promise<readonly Entry[]> => {
    const { events } = await log.read().all()
    return events.map(({ data: { commit, part, parts, size, pad }, stream, version, position }) => {
      return { commit, part, parts, isIntact: pad.length === size, stream, version, position }
    })
  },
  /** The place of everything in the log, whatever its type. */
  readAny: async (): Promise<readonly string[]> => {
    const { events } = await log.read({ unknown: 'yield' }).all()
    return events.map(({ id, stream, version, position }) => JSON.stringify([id, stream, version, position ?? null]))
  },
  /** The rows of the read model, once they are as the log is. */
  rows: async (version: number): Promise<Readonly<Record<string, number>>> => {
    const model = openReadModel(log, piers(version))
    await model.waitFor((await log.logHead()).marker)
    const { rows } = await model.find({ limit: 100 })
    return Object.fromEntries(rows.map(({ id, row }) => [id, row]))
  },
  /** Goes on until all is in step with the server. */
  goOn: async (): Promise<void> => {
    isBusy = false
    const giveUp = new Promise<never>((_resolve, reject) => {
      const state = () => `${going === undefined} ${JSON.stringify([log.sync.get(), log.storage.get()])}`
      setTimeout(() => reject(new Error(`never in step: ${state()}`)), 60_000)
    })
    await Promise.race([going ?? goOn(() => log, reopen), giveUp])
  },
  confirmed: async (): Promise<number> => (await log.logHead()).confirmed,
  synced: (): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (log.sync.get().synced) resolve()
      }
      log.sync.subscribe(look)
      look()
      setTimeout(() => reject(new Error(`never in step: ${JSON.stringify(log.sync.get())}`)), 60_000)
    }),
}
declare global {
  var yard: typeof controls
}
globalThis.yard = controls
