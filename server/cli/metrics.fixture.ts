// A strict reader of the text format of Prometheus: it throws where a scraper might only shrug.

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
export interface Family {
  readonly type: string
  readonly help: string
  readonly samples: Sample[]
}

const namePattern = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const must = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(`not the text format: ${what}`)
}

export function parseMetrics(text: string): ReadonlyMap<string, Family> {
  must(text.endsWith('\n') && !text.includes('\r'), 'lines')
  const families = new Map<string, Family>()
  const series = new Set<string>()
  let help: { readonly name: string; readonly text: string } | undefined
  let current: { readonly name: string; readonly family: Family } | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const [, helpName, helpText] = /^# HELP (\S+) (.+)$/.exec(line) ?? []
    const [, typeName, type] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? []
    if (helpName !== undefined) {
      must(namePattern.test(helpName) && !families.has(helpName), line)
      help = { name: helpName, text: helpText ?? '' }
    } else if (typeName !== undefined && type !== undefined) {
      must(help?.name === typeName, `TYPE without HELP: ${line}`)
      const family = { type, help: help?.text ?? '', samples: [] }
      families.set(typeName, family)
      current = { name: typeName, family }
      must(type !== 'counter' || typeName.endsWith('_total'), `a counter ends in _total: ${line}`)
    } else {
      const sample = toSample(line)
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
      must(!series.has(key), `twice: ${line}`)
      series.add(key)
      const suffix = sample.name.slice(current?.name.length)
      const suffixes = current?.family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      must(current !== undefined && sample.name.startsWith(current.name) && suffixes.includes(suffix), line)
      current?.family.samples.push(sample)
    }
  }
  for (const [name, { type, samples }] of families) {
    if (type === 'histogram') mustBeHistogram(name, samples)
    if (type === 'counter') for (const { value } of samples) must(value >= 0, `${name} is below 0`)
  }
  return families
}

function toSample(line: string): Sample {
  const [, name = '', inner = '', value = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  must(name !== '', line)
  const labels: Record<string, string> = {}
  let rest = inner
  while (rest !== '') {
    const [all = '', label = '', text = ''] =
      /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=[a-zA-Z_])|$)/.exec(rest) ?? []
    must(all !== '' && !Object.hasOwn(labels, label), line)
    labels[label] = text.replace(/\\(.)/g, (_, unit) => (unit === 'n' ? '\n' : unit))
    rest = rest.slice(all.length)
  }
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value)
  must(!Number.isNaN(number), line)
  return { name, labels, value: number }
}

function mustBeHistogram(name: string, samples: readonly Sample[]): void {
  const groups = new Map<string, { readonly buckets: [number, number][]; sum?: number; count?: number }>()
  for (const { name: sample, labels, value } of samples) {
    const { le, ...others } = labels
    const key = JSON.stringify(others)
    const group = groups.get(key) ?? { buckets: [] }
    groups.set(key, group)
    if (sample === `${name}_bucket`) group.buckets.push([le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), value])
    if (sample === `${name}_sum`) group.sum = value
    if (sample === `${name}_count`) group.count = value
  }
  for (const [key, { buckets, sum, count }] of groups) {
    const isRising = buckets.every(([le, value], at) => {
      const [leBefore, valueBefore] = buckets[at - 1] ?? [Number.NEGATIVE_INFINITY, 0]
      return le > leBefore && value >= valueBefore
    })
    must(isRising, `${name}${key} does not rise`)
    must(buckets.at(-1)?.[0] === Number.POSITIVE_INFINITY, `${name}${key} has no +Inf`)
    must(buckets.at(-1)?.[1] === count && sum !== undefined, `${name}${key} has another count`)
  }
}

/** The number at a name and labels; 0 when there is none. */
export function sampleOf(families: ReadonlyMap<string, Family>, name: string, labels: Sample['labels'] = {}): number {
  const of = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))
  if (of === undefined) throw new Error(`there is no ${name}`)
  return (
    of.samples.find(
      (sample) =>
        sample.name === name &&
        Object.keys(sample.labels).length === Object.keys(labels).length &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )?.value ?? 0
  )
}
