// Defects to plant, one at a time. Each breaks a rule of the protocol or a promise, and the simulator has to find it.
// `find` is exact text of `file` and has to be there once.

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are code

import { downloading } from './mutants-of-download.js'
import { sealing } from './mutants-of-sealing.js'
import { edit, reading, sequencer, sync } from './mutants-of-sync.js'

const transact = 'src/store/transact.ts'
const engine = 'src/log/engine.ts'
const admission = 'src/log/admission.ts'
const confirm = 'src/log/confirm.ts'
const rebase = 'src/log/rebase.ts'
const exchange = 'src/sync/exchange.ts'

/** Name, the rule that it breaks, and what is changed. */
const storage = [
  [
    'no commit() on reads',
    'Every transaction commits in its own turn',
    edit(
      transact,
      'isCommitAtomic || !isWrite || issued.length === 1',
      'isWrite && (isCommitAtomic || issued.length === 1)',
    ),
  ],
  [
    'done on success',
    'Resolve when the transaction is complete',
    edit(transact, 'let left = issued.length + 1', 'let left = issued.length'),
    edit(transact, 'reject(toStoreError(failure))\n      settle()', 'reject(toStoreError(failure))'),
  ],
  [
    'a value is not waited for',
    'A result may come after the transaction is complete',
    edit(transact, 'let left = issued.length + 1', 'let left = 1'),
  ],
  [
    'put where add belongs',
    'The key is the compare-and-swap',
    edit(transact, 'return store.add(request.row)', 'return store.put(request.row)'),
  ],
]

const localWrites = [
  [
    'head + 1',
    'A write adds at its base + 1',
    edit(engine, `if (this.view.revision !== base) return { kind: 'again' }`, ''),
    edit(engine, 'revision: base + 1', 'revision: this.view.revision + 1'),
    // What has to be read takes time, in which others write.
    edit('src/log/content.ts', 'const cachedTextMax = 4_000_000', 'const cachedTextMax = 0'),
  ],
  [
    'notice before complete',
    'A notice is sent after the transaction completed',
    edit(
      engine,
      '    try {\n      await this.store.run(requestsOf(row, plan)',
      '    this.#take(row, plan)\n    this.#tell(base, row, plan)\n    try {\n      await this.store.run(requestsOf(row, plan)',
    ),
  ],
  [
    'lost is taken for done',
    'Whether a lost write landed shows in the tail',
    edit(
      engine,
      'return this.#recover(error)',
      `if (isStoreError(error, 'lost')) return { kind: 'done', result: plan.result }\n      return this.#recover(error)`,
    ),
  ],
  [
    'a lost race is not decided anew',
    'Who lost the race checks again before it writes',
    edit(
      engine,
      'return this.#recover(error)',
      `if (!isStoreError(error, 'taken')) return this.#recover(error)
      await this.catchUp()
      const late: WriteRow = { ...row, revision: this.view.revision + 1 }
      await this.store.run(requestsOf(late, plan), { write: true })
      await this.catchUp()
      return { kind: 'done', result: plan.result }`,
    ),
  ],
  [
    'notice that does not follow',
    'A notice is a shortcut, never the truth',
    edit(engine, 'row !== undefined && follows(this.view, notice)', 'row !== undefined'),
  ],
  [
    'fence rows deleted',
    'No row of the fence is deleted under a view',
    edit(
      confirm,
      'const beside: Request[] = []',
      `const beside: Request[] = [{ op: 'delete', store: 'writes', from: 1, to: view.revision }]`,
    ),
  ],
  [
    'records read up to a known head',
    'A page has no upper key',
    edit(
      'src/log/catch-up.ts',
      `{ op: 'range', store: 'log', after: view.confirmed.head.position, limit }`,
      `{ op: 'range', store: 'log', after: view.confirmed.head.position, to: view.confirmed.head.position + 1, limit }`,
    ),
  ],
]

const conditions = [
  [
    'marker without database',
    'A marker names its database',
    edit(admission, 'marker.database !== view.identity ||', ''),
  ],
  [
    'marker ignores what is pending',
    'Pending events match too',
    edit('src/log/view.ts', '?.revision ?? 0) > since) return true', '?.revision ?? 0) > 1e9) return true'),
  ],
  [
    'marker ignores what was taken out',
    'What was taken out after the marker matches like a new event',
    edit('src/log/view.ts', 'if (since > 0 && this.#takenOut.some(', 'if (since > 1e9 && this.#takenOut.some('),
  ],
  [
    'versions unchecked here',
    'The device checks expected versions',
    edit(admission, 'if (!moved && (expected', 'if ((expected as unknown) || (expected'),
  ],
  [
    'any content under an id',
    'A known id with other content is IdTaken',
    edit(
      'src/log/appender.ts',
      'if (present === undefined || !isSameAsk(present, commit))',
      'if (present === undefined)',
    ),
  ],
  [
    'a group forgets its own',
    'Appends of a group see those before them',
    edit(admission, 'const inGroup = staged.commits.some(', 'const inGroup = [].some('),
  ],
]

const confirming = [
  [
    'page that does not follow',
    'A page follows the confirmed head',
    edit(
      confirm,
      'view.confirmed.head.position === page.after.position && view.confirmed.head.digest === page.after.digest',
      'page.after.position >= 0',
    ),
  ],
  [
    'own by id',
    'Own is only what was first in the queue',
    edit(confirm, 'else if (item === first) own.push(id)', 'else own.push(id)'),
  ],
  [
    'other content counts as own',
    'Content that gives way counts as taken out',
    edit(
      confirm,
      'if (item.commit.contentId !== contentId) takenOut.push(...toTakenOut(item.commit))\n    else if (item === first)',
      'if (contentId !== undefined)',
    ),
  ],
  [
    'keeps its own copy',
    'The first content that is accepted is the truth',
    edit(
      confirm,
      'commits: JSON.stringify(commits)',
      'commits: JSON.stringify(commits.map((commit) => view.pending.get(commit.id)?.commit ?? commit))',
    ),
  ],
  [
    'dead letter outlives its commit',
    'A confirmed commit has no dead letter',
    edit(confirm, 'if (isSettled || view.dead.has(id)) beside', 'if (isSettled) beside'),
  ],
  [
    'nobody hears of what was withdrawn in vain',
    'Whoever withdrew a commit is told when it is confirmed',
    edit(
      confirm,
      `if (isSettled && (await settledAs(engine, id)) === 'withdrawn')`,
      'if (isSettled && id === undefined)',
    ),
  ],
  [
    'confirms by verdict',
    'Only the pull confirms',
    edit(
      exchange,
      'else await this.#takeVerdicts(answer, signal)',
      `else {
        const ok = run.commits.filter((_, at) => /accepted|duplicate/.test(answer.verdicts[at]?.verdict ?? ''))
        let { position, digest } = run.seen
        for (const { id, contentId, events } of ok) {
          position += events.length
          digest = nextDigest(digest, id, contentId)
        }
        const page = { protocol: syncProtocol, status: 'page', after: run.seen, through: { position, digest }, head: position } as const
        await takePage(this.#engine, { ...page, commits: ok.map(({ condition: _, ...commit }) => commit) })
        await this.#takeVerdicts(answer, signal)
      }`,
    ),
    edit(
      exchange,
      'import { runCommitsMax }',
      `import { nextDigest } from '../core/digest.ts'\nimport { runCommitsMax }`,
    ),
  ],
]

const decidingAgain = [
  [
    'rebase per page',
    'Rebase runs once, when a pull has reached the head',
    edit(
      exchange,
      'if (await this.#takeAll(page)) return',
      'const isThere = await this.#takeAll(page)\n      await rebase(this.#engine)\n      if (isThere) return',
    ),
  ],
  [
    'delta without what is taken out',
    'What a rebase takes out counts for those behind it',
    edit(rebase, 'for (const behind of pending.lookingAt(event)) touched.add(behind)', 'void event'),
  ],
  [
    'a withdraw joins no delta',
    'A withdraw counts as taken out',
    edit(
      'src/log/view.ts',
      'this.pending.remove([...row.refused, ...row.withdrawn], () => true)',
      'this.pending.remove([...row.refused, ...row.withdrawn], (id) => !row.withdrawn.includes(id))',
    ),
  ],
  [
    'a rejected commit joins no delta',
    'A rejected commit counts as taken out',
    edit(
      'src/log/view.ts',
      'this.pending.remove([...row.refused, ...row.withdrawn], () => true)',
      'this.pending.remove([...row.refused, ...row.withdrawn], (id) => row.through >= 0 || !row.refused.includes(id))',
    ),
  ],
  [
    'decided again on the old state',
    'A touched commit is decided again on what is confirmed',
    edit(
      'src/log/draft.ts',
      'const { position } = confirmed.head',
      'const position = Math.max(0, confirmed.head.position - 1)',
    ),
  ],
  [
    'a decision forgets what is kept before it',
    'Decided again on confirmed and kept pending',
    edit(
      'src/log/draft.ts',
      'return item !== undefined && !this.#gone.has(item)',
      'return item === undefined && !this.#gone.has(item)',
    ),
  ],
  [
    'a decision sees what was taken out',
    'Decided again without what is taken out',
    edit('src/log/draft.ts', 'return item !== undefined && !this.#gone.has(item)', 'return item !== undefined'),
  ],
  [
    'kept without a look',
    'A touched commit is decided again',
    edit('src/log/rebase.ts', 'return again.endingOf(item)', `return { kind: 'keep' }`),
  ],
  [
    'a folded state outlives a rebase',
    'What was folded stays true only while the log grows at its end',
    edit(
      'src/log/deciding.ts',
      'kept?.view !== view || kept.reordered !== reordered',
      'kept?.view !== view || kept.reordered > reordered',
    ),
  ],
  [
    'an ending outlives what it was decided on',
    'What another write reordered is decided anew',
    edit(rebase, 'if (madeAt !== view.reordered) endings.clear()', 'if (madeAt === undefined) endings.clear()'),
  ],
  [
    'a leader without the decider refuses',
    `A dead letter is for a "no", never for "I don't know how"`,
    edit(
      rebase,
      `if (again === undefined) throw new Undecidable('needs-decider', command.name)`,
      `if (again === undefined) return { kind: 'refuse' }`,
    ),
  ],
  [
    'event ids made from commit id and attempt',
    'Events get new random ids with each attempt',
    edit('src/log/deciding.ts', 'const contentId = ground.random.newId()', 'const contentId = `${id}/${attempt + 1}`'),
    edit(
      'src/log/appender.ts',
      'contentId: random.newId(), time: timeNow(clock), attempt',
      'contentId: `${rest.id}/${attempt + 1}`, time: timeNow(clock), attempt',
    ),
  ],
  [
    'the content keeps its name',
    'New content gets a new content id',
    edit('src/log/deciding.ts', 'const contentId = ground.random.newId()', 'const { contentId } = item.commit'),
  ],
  [
    'retry that keeps a known id',
    'A retried id is looked up first',
    edit(
      admission,
      'view.confirmed.positionOf(id) !== undefined ||',
      '(view.confirmed.positionOf(id) !== undefined && isRetry !== true) ||',
    ),
    edit(
      admission,
      '(staged.perhapsSealed.has(id) && (await',
      '(isRetry !== true && staged.perhapsSealed.has(id) && (await',
    ),
  ],
  [
    'a rejection of older content counts',
    'A rejection is valid for the content that it was given for',
    edit(
      rebase,
      'return commit?.contentId === contentId ? [{ commit, problem }] : []',
      'return commit !== undefined && contentId ? [{ commit, problem }] : []',
    ),
  ],
  [
    'refused without a trace',
    'A refused commit is a dead letter',
    edit(
      rebase,
      `if (ending.kind === 'refuse') beside.push(keepLetter(`,
      `if (ending.kind === 'refuse' && item.place < 0) beside.push(keepLetter(`,
    ),
  ],
  [
    'letter apart from its row',
    'Result and dead letters are one write',
    edit(
      rebase,
      'return { row, beside, result: undefined }\n}\n\ntype',
      'engine.clock.after(50, () => void engine.store.run(beside, { write: true }).catch(() => {}))\n  return { row, result: undefined }\n}\n\ntype',
    ),
  ],
]

export const mutants = [
  storage,
  localWrites,
  conditions,
  confirming,
  decidingAgain,
  sync,
  sequencer,
  reading,
  sealing,
  downloading,
]
  .flat()
  .map(([name, rule, ...edits]) => ({ name, rule, edits }))

/** Defects of PROTOCOL §8 that can't be planted yet, or not here, and why. */
export const notYet = [
  ['a segment with what was withdrawn or refused', 'too rare here: src/sync/download.test.ts finds it'],
  ['revisions are lost in a segment', 'too rare here: src/log/seal.test.ts finds it'],
  ['a checkpoint without what was taken out', 'too rare here: src/log/seal.test.ts finds it'],
  ['a tail read before and after a seal', 'too rare here: src/log/seal.test.ts finds it'],
  ['stubbing a rebase row', 'a stub sends a view to the checkpoint written with it, which knows what the row said'],
  ['chain rows deleted freely', 'there are no consumers, so no chains that move'],
  ['checkpoint apart from its effect', 'there are no consumers; "letter apart from its row" stands for it'],
  ['back-off between tail read and add', 'it starves writers and breaks no promise: a matter of the bench'],
]
