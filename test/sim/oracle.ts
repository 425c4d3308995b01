// The judge. It knows nothing of how the log works, only what was promised; it shares no code with what it judges.

import type {
  Asked,
  DeviceEvidence,
  Evidence,
  Fact,
  Letter,
  Look,
  Rule,
  Sent,
  Sequenced,
  TabEvidence,
} from './evidence.ts'
import { rules, type TheatreRule } from './rules.ts'
import type { Entry } from './theatre.ts'

/** One line for every promise that was broken. */
export function judge(evidence: Evidence): readonly string[] {
  const { log, devices, sent } = evidence
  const truth = entriesOf(log)
  return [
    ...twice(log.map(({ id }) => id)).map((id) => `${id} is twice in the server's log`),
    ...twice(truth.map(({ id }) => id)).map((id) => `event ${id} is twice in the server's log`),
    ...log.flatMap((commit) => judgeCommit(commit, truth, evidence)),
    ...log.flatMap((commit) => judgeId(commit, evidence)),
    ...devices.flatMap((device) => [
      ...device.tabs.flatMap((tab) => judgeTab(tab, truth)),
      ...judgeEndings(device, log, sent),
    ]),
  ]
}

/** The log as every device has to read it: positions without a gap, versions that count each stream. */
function entriesOf(log: readonly Sequenced[]): readonly Entry[] {
  const versions = new Map<string, number>()
  let position = 0
  return log.flatMap(({ id, contentId, facts }) =>
    facts.map((fact, nth) => {
      const version = (versions.get(fact.stream) ?? 0) + 1
      versions.set(fact.stream, version)
      position += 1
      return { ...fact, id: `${contentId}.${nth}`, commitId: id, version, position }
    }),
  )
}

/** What becomes of a command on this log. */
const rule = ({ rule: name, command }: Asked, before: readonly Entry[]) => {
  const { looks, decide }: TheatreRule = rules[name]
  const seen = looks(command)
  return decide(
    command,
    before.filter((entry) => seen.some((look) => matches(look, entry))),
  )
}

/** A commit was asked for with this very content, and its rules hold where it stands. */
function judgeCommit(commit: Sequenced, truth: readonly Entry[], { sent }: Evidence): readonly string[] {
  const before = truth.slice(0, commit.first - 1)
  const command = sent.find(({ id, asked: rule }) => id === commit.id && rule !== undefined)?.asked
  if (command !== undefined) {
    const ruling = rule(command, before)
    return isSame(ruling, commit.facts)
      ? []
      : [
          `${commit.id} (${JSON.stringify(command)}) stands in the log as ${JSON.stringify(commit.facts)}, but there it is ${JSON.stringify(ruling)}`,
        ]
  }
  const asked = sent.filter(({ id, facts }) => id === commit.id && isSame(facts, commit.facts))
  if (asked.length === 0) return [`${commit.id} is in the log with a content that nobody wrote`]
  const problems = asked.map((one) => one.rules.flatMap((rule) => judgeRule(commit.id, rule, before)))
  return problems.some((list) => list.length === 0) ? [] : problems.flat()
}

/** A device that wrote what is in the log under an id has taken nothing else under it. */
function judgeId({ id, facts }: Sequenced, { sent, devices }: Evidence): readonly string[] {
  // What ended here without a place in the log may be written anew.
  if (devices.some(({ withdrawn, discarded }) => withdrawn.has(id) || discarded.has(id))) return []
  const all = sent.filter((one) => one.id === id)
  const writers = new Set(all.filter((one) => isSame(one.facts, facts)).map(({ device }) => device))
  return all
    .filter((one) => one.answer === 'ok' && writers.has(one.device) && !isSame(one.facts, facts))
    .map(({ device }) => `${device} was told 'ok' for ${id} with another content than its own in the log`)
}

function judgeRule(id: string, rule: Rule, before: readonly Entry[]): readonly string[] {
  const say = (what: string): readonly string[] => [`${id} stands in the log although ${what}`]
  if (rule.kind === 'version' || rule.kind === 'exists') {
    const count = before.filter(({ stream }) => stream === rule.stream).length
    const holds = rule.kind === 'exists' ? count > 0 : count === rule.version
    return holds ? [] : say(`${rule.stream} was at ${count}: ${JSON.stringify(rule)}`)
  }
  const found = before.filter((entry) => matches(rule.look, entry)).map((entry) => entry.id)
  const wanted = rule.kind === 'none' ? [] : rule.ids
  return isSame(found, wanted) ? [] : say(`${JSON.stringify(rule.look)} matched [${found}], not [${wanted}]`)
}

/** A quiet tab reads the log and nothing else, and its view is a fold of it. */
function judgeTab({ name, read, view, confirmed, pending }: TabEvidence, truth: readonly Entry[]): readonly string[] {
  const problems: string[] = []
  if (!isSame(read, truth)) problems.push(`${name} reads another log: ${firstDifference(read, truth)}`)
  if (!isSame(view, read)) problems.push(`${name} shows something else than it reads: ${firstDifference(view, read)}`)
  if (confirmed !== truth.length || pending !== 0)
    problems.push(`${name} says it stands at ${confirmed} with ${pending} pending; the log has ${truth.length}`)
  return problems
}

/** Each acknowledged commit has one end, and whoever asks is told that one. */
function judgeEndings(device: DeviceEvidence, log: readonly Sequenced[], sent: readonly Sent[]): readonly string[] {
  const { name, letters, acknowledged, endings, promised, unsent, takenBack } = device
  const placed = new Map(log.map(({ id, first }) => [id, first]))
  const problems = twice(letters.map(({ commitId }) => commitId)).map((id) => `${name} has two dead letters of ${id}`)
  for (const letter of letters) problems.push(...judgeLetter(device, letter, placed, sent))
  for (const { id, position } of promised)
    if (placed.get(id) !== position) problems.push(`${name} was told that ${id} is confirmed at ${position}`)
  for (const id of unsent)
    if (placed.has(id) && sent.filter((one) => one.id === id).length === 1)
      problems.push(`${name} was told that ${id} is withdrawn and was never sent; it is in the log`)
  for (const id of takenBack)
    if (placed.has(id) && !device.discarded.has(id) && sent.filter((one) => one.id === id).length === 1)
      if (letters.every(({ commitId, reason }) => commitId !== id || reason !== 'Confirmed'))
        problems.push(`${name} took ${id} back, it is in the log, and nobody was told`)
  for (const id of acknowledged) {
    const possible = endingsOf(device, id, placed, sent)
    const { status, position } = endings.get(id) ?? {}
    if (possible.length === 0) problems.push(`${name} has lost ${id}, which was acknowledged; it says ${status}`)
    else if (!possible.includes(status ?? '') || position !== placed.get(id))
      problems.push(`${name} says that ${id} is ${status} ${position ?? ''}, not ${possible} ${placed.get(id) ?? ''}`)
  }
  return problems
}

/** A dead letter is of something that was written, and that could be refused this way. */
function judgeLetter(
  { name, withdrawn }: DeviceEvidence,
  { commitId: id, reason, isForbidden }: Letter,
  placed: ReadonlyMap<string, number>,
  sent: readonly Sent[],
): readonly string[] {
  const known = sent.filter((one) => one.id === id)
  const say = (what: string): readonly string[] => [`${name} has a dead letter (${reason}) of ${id}, ${what}`]
  if (known.length === 0) return say('which nobody wrote')
  if (reason === 'Confirmed')
    return placed.has(id) && withdrawn.has(id) ? [] : say('which was not withdrawn, or is not in the log')
  if (placed.has(id)) return say('which is in the log')
  if (reason === 'Rejected') return isForbidden ? [] : say('which the server would take')
  if (reason === 'Conflict') return known.some((one) => one.rules.length > 0) ? [] : say('which had no condition')
  return known.some(({ asked }) => asked !== undefined) ? [] : say('which no rule decides')
}

/** How an acknowledged commit may have ended; nothing when it is lost. */
function endingsOf(
  { letters, discarded, withdrawn }: DeviceEvidence,
  id: string,
  placed: ReadonlyMap<string, number>,
  sent: readonly Sent[],
): readonly string[] {
  if (placed.has(id)) return ['confirmed']
  const reason = letters.find(({ commitId }) => commitId === id)?.reason
  if (reason === 'Conflict' || reason === 'Rejected') return [reason.toLowerCase()]
  if (reason !== undefined) return ['refused']
  const possible: string[] = []
  if (discarded.has(id)) possible.push('unknown')
  if (withdrawn.has(id)) possible.push('withdrawn')
  if (sent.some((one) => one.id === id && one.asked !== undefined)) possible.push('nothing-to-do')
  return possible
}

const matches = ({ stream, types, tags }: Look, fact: Fact): boolean =>
  (stream === undefined || fact.stream === stream) &&
  (types === undefined || types.includes(fact.type)) &&
  (tags === undefined || tags.every((tag) => fact.tags.includes(tag)))

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
const isSame = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b)

function twice(ids: readonly string[]): readonly string[] {
  const seen = new Set<string>()
  return ids.filter((id) => seen.size === seen.add(id).size)
}

function firstDifference(a: readonly unknown[], b: readonly unknown[]): string {
  const at = a.findIndex((one, nth) => !isSame(one, b[nth]))
  const place = at < 0 ? a.length : at
  return `at ${place} of ${a.length} and ${b.length}: ${JSON.stringify(a[place])} and ${JSON.stringify(b[place])}`
}
