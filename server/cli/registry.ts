// The text format of Prometheus, https://prometheus.io/docs/instrumenting/exposition_formats/

type Labels = readonly string[]

export interface Counter {
  readonly add: (labels?: Labels, by?: number) => void
}
export interface Gauge {
  readonly set: (value: number, labels?: Labels) => void
  readonly add: (by: number, labels?: Labels) => void
}
export interface Histogram {
  readonly observe: (value: number, labels?: Labels) => void
}

/** Metrics with names, in the order in which they were made. */
export interface Registry {
  /** `labels` are the names; values are given in their order. */
  readonly counter: (name: string, help: string, labels?: Labels) => Counter
  readonly gauge: (name: string, help: string, labels?: Labels) => Gauge
  readonly histogram: (name: string, help: string, buckets: readonly number[], labels?: Labels) => Histogram
  /** Called before the metrics are told, to bring some up to date. */
  readonly onCollect: (update: () => void) => void
  readonly text: () => string
}

export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

export function createRegistry(): Registry {
  const families: (() => string)[] = []
  const updates: (() => void)[] = []
  const family = (type: string, name: string, help: string, samples: () => readonly string[]): void => {
    const head = `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`
    families.push(
      () =>
        head +
        samples()
          .map((sample) => `${sample}\n`)
          .join(''),
    )
  }
  /** One number for each set of labels. Without labels it is there from the start, as 0. */
  const numbers = (type: string, name: string, help: string, labels: Labels): Map<string, number> => {
    const values = new Map<string, number>(labels.length === 0 ? [['', 0]] : [])
    family(type, name, help, () => [...values].map(([key, value]) => `${name}${key} ${toText(value)}`))
    return values
  }
  return {
    counter: (name, help, labels = []) => {
      const values = numbers('counter', name, help, labels)
      return { add: (of = [], by = 1) => void plus(values, keyOf(labels, of), by) }
    },
    gauge: (name, help, labels = []) => {
      const values = numbers('gauge', name, help, labels)
      return {
        set: (value, of = []) => void values.set(keyOf(labels, of), value),
        add: (by, of = []) => void plus(values, keyOf(labels, of), by),
      }
    },
    histogram: (name, help, buckets, labels = []) => {
      const series = new Map<string, Series>()
      family('histogram', name, help, () =>
        [...series.values()].flatMap((one) => samplesOf(name, labels, buckets, one)),
      )
      return {
        observe: (value, of = []) => {
          const key = keyOf(labels, of)
          const one = series.get(key) ?? { of, counts: buckets.map(() => 0), sum: 0, count: 0 }
          series.set(key, one)
          const at = buckets.findIndex((bound) => value <= bound)
          if (at >= 0) one.counts[at] = (one.counts[at] ?? 0) + 1
          one.sum += value
          one.count++
        },
      }
    },
    onCollect: (update) => void updates.push(update),
    text: () => {
      for (const update of updates) update()
      return families.map((render) => render()).join('')
    },
  }
}

interface Series {
  readonly of: Labels
  /** In each bucket alone. */
  readonly counts: number[]
  sum: number
  count: number
}

function samplesOf(name: string, labels: Labels, buckets: readonly number[], series: Series): readonly string[] {
  const { of, counts, sum, count } = series
  let below = 0
  const lines = buckets.map((bound, at) => {
    below += counts[at] ?? 0
    return `${name}_bucket${keyOf([...labels, 'le'], [...of, toText(bound)])} ${below}`
  })
  const key = keyOf(labels, of)
  return [
    ...lines,
    `${name}_bucket${keyOf([...labels, 'le'], [...of, '+Inf'])} ${count}`,
    `${name}_sum${key} ${toText(sum)}`,
    `${name}_count${key} ${count}`,
  ]
}

const plus = (values: Map<string, number>, key: string, by: number): unknown =>
  values.set(key, (values.get(key) ?? 0) + by)

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
const keyOf = (labels: Labels, of: Labels): string =>
  labels.length === 0 ? '' : `{${labels.map((label, at) => `${label}="${escaped(of[at] ?? '')}"`).join(',')}}`

const toText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
