// The result of a run as tables: Markdown, which reads well in a terminal too.

const number = (value) => {
  if (Math.abs(value) >= 1000) return `${(value / 1000).toFixed(value >= 100_000 ? 0 : 1)}k`
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}
const spread = ({ median, min, max }) => `${number(median)} (${number(min)}–${number(max)})`

const table = (head, rows) => {
  const cells = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n')
}

const columnTexts = {
  appendedPerSecond: 'appended, events/s',
  commitMs: 'a commit, ms',
  readPerSecond: 'full read, events/s',
  openMs: 'open, ms',
  queryMs: 'tag query, ms',
  singleMs: 'p50, ms',
  singleMsP95: 'p95, ms',
  prepareMs: 'made in the page, ms',
  crossingMs: 'crossing both ways, ms',
  workerMs: 'worker, ms',
  transactionMs: 'transaction, ms',
  blockedMs: 'page blocked, ms',
  openAndAppendMs: 'open and append one, ms',
  streamMs: 'a stream of 100, ms',
  commitMsP95: 'p95, ms',
  pushedPerSecond: 'pushed, events/s',
  pulledPerSecond: 'pulled, events/s',
  caughtUpMs: 'until done, ms',
  caughtUpMsP95: 'p95, ms',
  pulledMs: 'of that until the pull is written, ms',
}
const splitColumns = ['prepareMs', 'crossingMs', 'workerMs', 'transactionMs']

const measuresTable = (contenders, columns) => {
  const shown = columns.filter((column) => contenders.some(({ measures }) => column in measures))
  const cell = (measures, column) => (measures[column] === undefined ? '' : spread(measures[column]))
  const rows = contenders.map(({ text, measures }) => [text, ...shown.map((column) => cell(measures, column))])
  return table(['', ...shown.map((column) => columnTexts[column])], rows)
}

const ratioTable = (ratios) =>
  table(
    ['', 'median (min–max)', 'goal', ''],
    ratios.map(({ text, lowerIsBetter, goal, isMet, ...values }) => [
      text,
      spread(values),
      goal === undefined ? '' : `${lowerIsBetter ? '≤' : '≥'} ${goal >= 1000 ? number(goal) : goal}`,
      goal === undefined ? '' : isMet ? 'met' : 'missed',
    ]),
  )

/** All tables of a result, each under a heading. */
export const toMarkdown = ({ contenders, ratios, options }) => {
  const of = (...groups) => contenders.filter(({ group }) => groups.includes(group))
  const split = contenders.filter(({ measures }) => 'transactionMs' in measures)
  const sections = [
    ['Ratios and goals', 'Ratios are taken within each round; the median counts.', ratios, () => ratioTable(ratios)],
    [
      `Batched append: ${options.commits} commits of ${options.eventsPerCommit} events, each awaited`,
      'A tag query (tidelog only) finds the 10 events of a commit that carry the tag. Opening reads what the log has to know.',
      of('append', 'layout'),
      (rows) => measuresTable(rows, ['appendedPerSecond', 'commitMs', 'readPerSecond', 'openMs', 'queryMs']),
    ],
    [
      'A single append, awaited',
      'One event, from the call to the completed transaction and back.',
      of('single'),
      (rows) => measuresTable(rows, ['singleMs', 'singleMsP95']),
    ],
    [
      'Where the time of an append goes',
      'Medians; the parts add up to the whole only roughly.',
      split,
      (rows) => measuresTable(rows, splitColumns),
    ],
    [
      `${options.concurrent} single appends at once`,
      'Each with its own outcome; the page is blocked while it makes them.',
      of('concurrent'),
      (rows) => measuresTable(rows, ['appendedPerSecond', 'blockedMs']),
    ],
    [
      `A log of ${options.largeEvents} events in ${options.largeStreams} streams, most of them sealed`,
      'Appended 100 a commit, few streams busy and most of them rare; the appends include the making of the events. Opened by a new worker, whose start counts. The events of a stream and of a campaign lie scattered over the whole log.',
      of('large'),
      (rows) =>
        measuresTable(rows, [
          'appendedPerSecond',
          'commitMs',
          'commitMsP95',
          'openMs',
          'openAndAppendMs',
          'streamMs',
          'queryMs',
          'readPerSecond',
        ]),
    ],
    [
      `Sync: ${options.pushedCommits} commits pushed, ${options.pulledEvents} pulled, a tail of ${options.tailCommits}; each of one event`,
      'The server is a process of its own on the same machine, with its log in an SQLite file. The tail is decided commits, each on a stream of its own; taken in the worker, from the wish to resume to the end of the transaction, before anything is pushed.',
      of('sync'),
      (rows) => measuresTable(rows, ['pushedPerSecond', 'pulledPerSecond', 'caughtUpMs', 'caughtUpMsP95', 'pulledMs']),
    ],
  ]
  return sections
    .filter(([, , rows]) => rows.length > 0)
    .map(([title, note, rows, draw]) => `## ${title}\n\n${note}\n\n${draw(rows)}\n`)
    .join('\n')
}

/** docs/reference/performance.md, from the committed baseline. */
export const toDocument = (result) => {
  const { machine, options } = result
  return `# Performance

Generated by \`npm run bench -- --write\`; do not edit. Measured in Chromium ${machine.browser} on ${machine.cores} cores
(${machine.platform}), IndexedDB on disk, \`durability: 'relaxed'\`: ${options.rounds} rounds with every contender once in each, in
shuffled order; medians, and the range in brackets. Each run has a new page, worker and database. An event has
${options.eventCharacters} characters of JSON and two tags; the events of a commit are spread over ${options.streams} streams. Trust the ratios:
absolute numbers are this machine's.

${toMarkdown(result)}`
}
