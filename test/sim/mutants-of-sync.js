// Defects of sync, of the server and of views, to plant one at a time; see `mutants.js`.

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are code

/** `find` is exact text of `file`. */
export const edit = (file, find, replace) => ({ file, find, replace })

const rebase = 'src/log/rebase.ts'
const pump = 'src/sync/pump.ts'
const exchange = 'src/sync/exchange.ts'
const judge = 'server/judge.ts'

export const sync = [
  [
    'pushed unchecked',
    'Only a queue that is rebased on the confirmed head is pushed',
    edit(rebase, 'if (needsRebase(view)) return undefined', ''),
    edit(
      exchange,
      'if (needsRebase(this.#engine.view)) {',
      'if (needsRebase(this.#engine.view) && this.#commitsMax < 0) {',
    ),
  ],
  [
    'seen and queue of two moments',
    'Seen and queue are read in one moment',
    edit(
      exchange,
      'const request = { protocol: syncProtocol, seen, commits } as const',
      `await this.#engine.catchUp()
    await new Promise<void>((resolve) => void this.#engine.clock.after(100, resolve))
    const request = { protocol: syncProtocol, seen: seen && view.confirmed.head, commits } as const`,
    ),
  ],
  [
    'sent without a note',
    'A withdrawal knows whether its commit may have been sent',
    edit(
      exchange,
      'await noteSending(this.#engine, through)',
      'if (through < 0) await noteSending(this.#engine, through)',
    ),
  ],
  [
    'a 403 is a no',
    'Refusals come only from verdicts',
    edit(
      exchange,
      `if (!(error instanceof SyncFailure) || error.kind !== 'too-large'`,
      `if (error instanceof SyncFailure && error.type === 'http-403') {
        const problem = { type: 'http', title: '403' }
        await takeRejected(this.#engine, run.commits.map(({ id, contentId }) => ({ id, contentId, problem })))
        return true
      }
      if (!(error instanceof SyncFailure) || error.kind !== 'too-large'`,
    ),
  ],
  [
    'no second try',
    'Network errors are tried again for ever',
    edit(pump, 'await (retryAt === undefined ? this', 'await (retryAt !== Number.NaN ? this'),
  ],
  [
    'silence goes unnoticed',
    'A live stream that is silent is given up',
    edit('src/sync/http-transport.ts', 'const silenceMs = 45_000', 'const silenceMs = 1e12'),
  ],
  [
    'lost notices are not made up for',
    'A heartbeat covers lost notices',
    edit('worker/open-log.ts', 'const stopHeartbeat = beat(clock, engine)', 'const stopHeartbeat = () => {}'),
  ],
  [
    'a page that missed a notice is not told again',
    'A heartbeat covers lost notices, also those to a page',
    edit('worker/open-log.ts', '.then(() => engine.announce())', ''),
  ],
]

export const sequencer = [
  [
    'own by device',
    'Own is what stands earlier in the same request',
    edit(
      judge,
      'const positions = tail.forbidden(commit, own, conflictPositionsMax)',
      'const positions = tail.forbidden(commit, new Set([...own, ...tail.lastsOf(id[0])]), conflictPositionsMax)',
    ),
    edit(
      'server/tail.ts',
      'find: (id) => byId.get(id), forbidden }',
      'find: (id) => byId.get(id), forbidden, lastsOf: (device) => [...byId.values()].filter((one) => one.id[0] === device).map((one) => one.last) }',
    ),
  ],
  [
    'own for any commit of the request',
    'Own is what stands earlier in the same request',
    edit(
      judge,
      '  for (const commit of run) {\n    const { id, contentId } = commit\n',
      '  for (const { id } of run) own.add(tail.find(id)?.last ?? 0)\n  for (const commit of run) {\n    const { id, contentId } = commit\n',
    ),
  ],
  [
    'accepts behind held',
    'Everything behind the first no is held',
    edit(judge, '    if (fenced) {', '    if (fenced && run.length < 0) {'),
  ],
  [
    'a differing duplicate does not fence',
    'A duplicate of other content fences',
    edit(
      judge,
      'fenced = stored.contentId !== contentId || stored.last < lastPlace',
      'fenced = stored.last < lastPlace',
    ),
  ],
  [
    'a duplicate out of order does not fence',
    'A duplicate out of order fences',
    edit(
      judge,
      'fenced = stored.contentId !== contentId || stored.last < lastPlace',
      'fenced = stored.contentId !== contentId',
    ),
  ],
  [
    'conditions unchecked',
    'The server enforces conditions',
    edit(judge, 'if (positions.length > 0) {', 'if (positions.length > 1e9) {'),
  ],
  ['no duplicates', 'An id is in the log once', edit(judge, 'placed.get(id) ?? tail.find(id)', 'placed.get(id)')],
  [
    'appends where the head is now',
    'Compare-and-append at the head that was judged',
    edit(
      'server/settle.ts',
      'const { taken } = await store.append(log, head, commits)',
      'const now = await store.head(log)\n  const anew = commits.map((commit) => ({ ...commit, eventsCount: commit.last - commit.first + 1 }))\n  const { taken } = await store.append(log, now.position, sequence(anew, now))',
    ),
  ],
  ['seen without digest', 'Seen carries a digest', edit('server/page.ts', '=== seen.digest', '!== undefined')],
  [
    'half a commit',
    'A commit is one thing everywhere',
    edit(
      'server/check.ts',
      'const content = known(value)',
      'const content = known({ ...value, events: value.events.slice(0, 1) })',
    ),
  ],
]

export const reading = [
  [
    'views keep the old queue',
    'A view folds the pending tail anew when it was reordered',
    edit('src/log/reader.ts', '&& revision >= view.reordered', ''),
  ],
]
