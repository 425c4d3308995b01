import { commitOf, connections, Device } from './device.ts'
import { inTurns, pause, quantile, round } from './figures.ts'

export interface Fleet {
  readonly devices: number
  readonly logs: number
  readonly seconds: number
  readonly offlinePeriods: number
  readonly commits: number
  /** From the request to its answer, in ms. */
  readonly pushP50: number
  readonly pushP99: number
  /** From being back to having pushed and pulled all, in ms. */
  readonly resumeP50: number
  readonly resumeP99: number
  /** Acknowledged commits that are not in the log, and devices that do not hold what the others of their log hold. */
  readonly lost: number
  readonly astray: number
}

interface Asked {
  readonly urls: readonly string[]
  readonly devices: number
  readonly logs: number
  readonly seconds: number
}

const between = (min: number, max: number): number => min + Math.random() * (max - min)

/** Devices that come and go, as people's do: they write while they are away, push when they are back, and listen. */
class Wanderer {
  readonly device: Device
  readonly acknowledged: string[] = []
  readonly #urls: readonly string[]
  readonly #name: string
  readonly #pushes: number[]
  #written = 0
  #pending: string[] = []

  constructor(name: string, device: Device, urls: readonly string[], pushes: number[]) {
    this.#name = name
    this.device = device
    this.#urls = urls
    this.#pushes = pushes
  }

  write(): void {
    this.#pending.push(`${this.#name}.${this.#written++}`)
  }

  /** Pushes what is pending, at whichever endpoint answers; an unknown outcome is asked again by id. */
  async push(): Promise<void> {
    while (this.#pending.length > 0) {
      const run = this.#pending.slice(0, 100)
      const asked = performance.now()
      const answer = await this.device
        .push(
          this.url(),
          run.map((id) => commitOf(id)),
        )
        .catch(() => undefined)
      if (answer?.status === 'pull-first') await this.device.pull(this.url())
      if (answer?.status !== 'verdicts') continue
      this.#pushes.push(performance.now() - asked)
      const taken = answer.verdicts.flatMap(({ id, verdict }) => (verdict === 'held' ? [] : [id]))
      this.acknowledged.push(...taken)
      this.#pending = this.#pending.filter((id) => !taken.includes(id))
    }
  }

  url(): string {
    return this.#urls[Math.floor(Math.random() * this.#urls.length)] ?? ''
  }
}

export async function fleet({ urls, devices, logs, seconds }: Asked): Promise<Fleet> {
  const agent = connections(500)
  const pushes: number[] = []
  const resumes: number[] = []
  const all = Array.from(
    { length: devices },
    (_, nth) => new Wanderer(`w${nth}`, new Device(`fleet-${nth % logs}`, agent), urls, pushes),
  )
  const end = performance.now() + seconds * 1_000
  const left = (): number => end - performance.now()
  const resume = async (one: Wanderer): Promise<void> => {
    const back = performance.now()
    await one.push()
    await one.device.pull(one.url())
    resumes.push(performance.now() - back)
  }
  const live = async (one: Wanderer): Promise<void> => {
    await pause(between(0, 10_000))
    while (left() > 0) {
      await resume(one)
      one.device.live(one.url())
      for (let writes = Math.ceil(between(0, 4)); writes > 0 && left() > 0; writes--) {
        await pause(Math.min(left(), between(2_000, 10_000)))
        one.write()
        await one.push()
      }
      one.device.hangUp()
      if (left() <= 0) break
      for (let writes = Math.ceil(between(0, 5)); writes > 0; writes--) one.write()
      await pause(Math.min(left(), between(3_000, 12_000)))
    }
  }
  await Promise.all(all.map(live))
  const periods = resumes.length
  await inTurns(all, 100, resume)
  // Others pushed after the first of them had pulled.
  await inTurns(all, 100, async (one) => void (await one.device.pull(one.url())))
  const { lost, astray } = await compare(all, logs, agent, urls)
  agent.destroy()
  return {
    devices,
    logs,
    seconds,
    offlinePeriods: periods,
    commits: all.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0),
    pushP50: round(quantile(pushes, 0.5), 1),
    pushP99: round(quantile(pushes, 0.99), 1),
    resumeP50: round(quantile(resumes, 0.5), 1),
    resumeP99: round(quantile(resumes, 0.99), 1),
    lost,
    astray,
  }
}

async function compare(
  all: readonly Wanderer[],
  logs: number,
  agent: ReturnType<typeof connections>,
  urls: readonly string[],
): Promise<{ lost: number; astray: number }> {
  let lost = 0
  let astray = 0
  for (let nth = 0; nth < logs; nth++) {
    const log = `fleet-${nth}`
    const own = all.filter(({ device }) => device.log === log)
    const acknowledged = new Set(own.flatMap(({ acknowledged }) => acknowledged))
    const reader = new Device(log, agent)
    await reader.pull(urls[0] ?? '')
    astray += own.filter(({ device }) => device.seen.digest !== reader.seen.digest).length
    // Every commit here has one event, and no id is pushed twice as another: so many positions are so many commits.
    lost += Math.abs(acknowledged.size - reader.seen.position)
  }
  return { lost, astray }
}
