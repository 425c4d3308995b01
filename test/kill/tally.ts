// Who was told that what is kept, against what is there after the kills.

/** The data of every event that is written here. `pad` has `size` characters. */
export interface Part {
  readonly commit: string
  readonly part: number
  readonly parts: number
  readonly size: number
  readonly pad: string
}

/** An event in a log, in log order. */
export interface Entry {
  readonly commit: string
  readonly part: number
  readonly parts: number
  readonly isIntact: boolean
  readonly stream: string
  readonly version: number
  /** Absent while pending. */
  readonly position: number | undefined
}

/** What the one who counts has heard of. */
export interface Tally {
  readonly begun: Set<string>
  readonly acknowledged: Set<string>
}
export const createTally = (): Tally => ({ begun: new Set(), acknowledged: new Set() })

/** Begun, and nobody was told how it ended. */
export const open = ({ begun, acknowledged }: Tally): readonly string[] =>
  [...begun].filter((commit) => !acknowledged.has(commit))

/** Names of commits by what is wrong with them. */
export interface Comparison {
  readonly whole: ReadonlySet<string>
  readonly missing: readonly string[]
  readonly half: readonly string[]
  readonly doubled: readonly string[]
}
export type Wrong = Pick<Comparison, 'missing' | 'half' | 'doubled'>
export const nothingWrong: Wrong = { missing: [], half: [], doubled: [] }
export const wrongOf = ({ missing, half, doubled }: Comparison): Wrong => ({ missing, half, doubled })

type Copy = readonly Entry[]

/** Compares acknowledged commits with a log. A commit that nobody was told about may be there, whole and once. */
export function compare(acknowledged: Iterable<string>, log: readonly Entry[]): Comparison {
  const copies = new Map<string, Copy[]>()
  for (const copy of copiesIn(log)) copies.set(copy[0]!.commit, [...(copies.get(copy[0]!.commit) ?? []), copy])
  const names = [...copies.keys()]
  const whole = new Set(names.filter((name) => copies.get(name)!.some(isWhole)))
  return {
    whole,
    missing: [...acknowledged].filter((name) => !whole.has(name)),
    half: names.filter((name) => !copies.get(name)!.every(isWhole)),
    doubled: names.filter((name) => copies.get(name)!.length > 1),
  }
}

/** Events of one commit that stand side by side, from its first part to its next first part. */
function copiesIn(log: readonly Entry[]): readonly Copy[] {
  const copies: Entry[][] = []
  for (const entry of log) {
    const copy = copies.at(-1)
    if (copy === undefined || copy[0]!.commit !== entry.commit || entry.part === 0) copies.push([entry])
    else copy.push(entry)
  }
  return copies
}

const isWhole = (copy: Copy): boolean =>
  copy.length === copy[0]!.parts && copy.every(({ part, isIntact }, index) => part === index && isIntact)

/** Entries whose version or position does not follow from those before them. */
export function outOfOrder(log: readonly Entry[]): readonly Entry[] {
  const versions = new Map<string, number>()
  const confirmed = log.filter(({ position }) => position !== undefined).length
  return log.filter(({ stream, version, position }, index) => {
    const next = (versions.get(stream) ?? 0) + 1
    versions.set(stream, next)
    return version !== next || position !== (index < confirmed ? index + 1 : undefined)
  })
}
