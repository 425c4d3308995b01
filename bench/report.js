// The result of a run as tables: Markdown, which reads well in a terminal too.
import { hundreds } from './contenders.js'

/** A number in three digits or so. */
export const number = (value) => {
  if (Math.abs(value) >= 1000) return `${(value / 1000).toFixed(value >= 100_000 ? 0 : 1)}k`
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}
/** What a ratio should be, in words; nothing for one that is only watched. */
export const goalText = ({ goal, lowerIsBetter }) =>
  goal === undefined ? '' : `${lowerIsBetter ? '≤' : '≥'} ${goal >= 1000 ? number(goal) : goal}`

const spread = ({ median, min, max }) =>
  min === max ? number(median) : `${number(median)} (${number(min)}–${number(max)})`

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
  pauseMs: 'longest wait for a turn, ms',
  oneAppendPerSecond: 'one append of as many, events/s',
  headMs: 'open to head, ms',
  firstAppendMs: 'open to first append, ms',
  streamMs: 'a stream of about 100, ms',
  scanPerSecond: 'scan and fold, events/s',
  firstValueMs: 'open to first value, ms',
  foldPerSecond: 'fold, events/s',
  rowsPerSecond: 'rows built or put, rows/s',
  rebuiltPerSecond: 'for events/s',
  getMs: 'a row, ms',
  equalMs: 'rows by a key, ms',
  pageMs: 'a page, ms',
  downMs: 'a page downwards, ms',
  countMs: 'a count, ms',
  openMegabytes: 'worker when open, MB',
  scannedMegabytes: 'worker after the scan, MB',
  diskBytes: 'disk for an event, bytes',
  commitMsP95: 'p95, ms',
  pushedPerSecond: 'pushed, events/s',
  pulledPerSecond: 'pulled, events/s',
  caughtUpMs: 'until done, ms',
  caughtUpMsP95: 'p95, ms',
  pulledMs: 'of that until the pull is written, ms',
}

const measuresTable = (contenders, columns) => {
  const shown = columns.filter((column) => contenders.some(({ measures }) => column in measures))
  const cell = (measures, column) => (measures[column] === undefined ? '' : spread(measures[column]))
  const rows = contenders.map(({ text, measures }) => [text, ...shown.map((column) => cell(measures, column))])
  return table(['', ...shown.map((column) => columnTexts[column])], rows)
}

const ratioTable = (ratios) =>
  table(
    ['', 'median (min–max)', 'goal', ''],
    ratios.map((ratio) => [
      ratio.text,
      spread(ratio),
      goalText(ratio),
      ratio.goal === undefined ? '' : ratio.isMet ? 'met' : 'missed',
    ]),
  )

const batches = ['appendedPerSecond', 'commitMs', 'readPerSecond', 'openMs', 'queryMs']
const batchesNote = 'A tag query (tidelog only) finds the 10 events of a commit that carry the tag.'
const large = [
  'appendedPerSecond',
  'commitMs',
  'commitMsP95',
  'headMs',
  'firstAppendMs',
  'streamMs',
  'queryMs',
  'scanPerSecond',
  'openMegabytes',
  'scannedMegabytes',
  'diskBytes',
]

/** Title, note, which contenders, and which of their measures. */
const sectionsOf = ({ options, contenders }) => {
  const of = (...groups) => contenders.filter(({ group }) => groups.includes(group))
  const models = of('model').length === 0 ? [] : contenders.filter(({ group, also }) => [group, also].includes('model'))
  const split = contenders.filter(({ measures }) => 'transactionMs' in measures)
  return [
    [
      `Batched append: ${options.commits} commits of ${options.eventsPerCommit} events, each awaited`,
      `${batchesNote} Opening reads what the log has to know.`,
      of('append', 'layout'),
      batches,
    ],
    [
      `Batched append: ${hundreds.commits} commits of ${hundreds.eventsPerCommit} events, each awaited`,
      batchesNote,
      of('append100'),
      batches,
    ],
    [
      'Batched append that waits for the disk',
      "The same batches with `durability: 'strict'`.",
      of('strict'),
      ['appendedPerSecond', 'commitMs'],
    ],
    [
      'A single append, awaited',
      'One event, from the call to the completed transaction and back.',
      of('single'),
      ['singleMs', 'singleMsP95'],
    ],
    [
      'Where the time of an append goes',
      'Medians; the parts add up to the whole only roughly.',
      split,
      ['prepareMs', 'crossingMs', 'workerMs', 'transactionMs'],
    ],
    [
      `${options.concurrent} single appends at once`,
      'Each with its own outcome; the page is blocked while it makes them. It waits for a turn when it asks for one after another meanwhile.',
      of('concurrent'),
      ['appendedPerSecond', 'oneAppendPerSecond', 'blockedMs', 'pauseMs'],
    ],
    [
      `A log of ${options.largeEvents} events in ${options.largeStreams} streams`,
      'Few streams are busy and most of them rare. Filled once, 100 events a commit, and sealed; then the browser was started again. In each round it is opened by a worker that has started, and other streams and tags are looked for, each once; the events of both lie scattered over the whole log. The memory of the worker is without garbage; disk is what the browser keeps of the database at the end.',
      of('large'),
      large,
    ],
    [
      `Models over a log of ${options.largeEvents} events in ${options.largeStreams} streams`,
      'The same events. A view has a snapshot and 100 events behind it; another one folds everything anew.',
      models,
      ['firstValueMs', 'streamMs', 'foldPerSecond', 'scanPerSecond'],
    ],
    [
      'Rows of a read model over that log',
      'A read model has a row for each stream and two indexes; in each round its rows are built anew, beside those of the version before. What is put by hand is put 1000 rows at a time, all of them once; `for events/s` puts what each 1000 events have changed. Queries are asked from the page, or in the worker by hand and in Dexie, each for 50 other rows; a page has 20. p50.',
      of('model'),
      ['rowsPerSecond', 'rebuiltPerSecond', 'getMs', 'equalMs', 'pageMs', 'downMs', 'countMs'],
    ],
    [
      `Sync: ${options.pushedCommits} commits pushed, ${options.pulledEvents} events pulled, ${options.firstSyncEvents} in a first sync, a tail of ${options.tailCommits}`,
      'The server is a process of its own on the same machine, with its log in an SQLite file. What is pushed, and the tail, are commits of one event; what is pulled are commits of one to three. The tail is decided commits, each on a stream of its own; taken in the worker, from the wish to resume to the end of the transaction, before anything is pushed.',
      of('sync'),
      ['pushedPerSecond', 'pulledPerSecond', 'caughtUpMs', 'caughtUpMsP95', 'pulledMs'],
    ],
  ]
}

const section = (title, note, text) => `## ${title}\n\n${note}\n\n${text}\n`

/** Those that have measured some of it. */
const withSome = (contenders, columns) =>
  contenders.filter(({ measures }) => columns.some((column) => column in measures))

const measuresSections = (result) =>
  sectionsOf(result)
    .map(([title, note, rows, columns]) => [title, note, withSome(rows, columns), columns])
    .filter(([, , rows]) => rows.length > 0)
    .map(([title, note, rows, columns]) => section(title, note, measuresTable(rows, columns)))

const ratiosSection = (title, { ratios }) =>
  section(title, 'Ratios are taken within each round; the median counts.', ratioTable(ratios))

const sizesSection = (sizes) =>
  section(
    'Sizes',
    'What an app downloads for each entry, with its dependencies, minified and gzipped.',
    table(
      ['', 'kB', 'budget'],
      sizes.map(({ name, kB, limit }) => [name, kB.toFixed(2), limit.toFixed(2)]),
    ),
  )

/** All tables of a result, each under a heading. */
export const toMarkdown = (result) =>
  [ratiosSection('Ratios and goals', result), ...measuresSections(result), sizesSection(result.sizes)].join('\n')

/** docs/reference/performance.md, from the committed baselines: that of a plain run, and those with another large log. */
export const toDocument = ([result, ...others]) => {
  const { machine, options } = result
  const more = others.flatMap((other) => [
    ratiosSection(`Ratios and goals with ${other.options.largeEvents} events`, other),
    ...measuresSections(other),
  ])
  const sections = [
    ratiosSection('Ratios and goals', result),
    ...measuresSections(result),
    ...more,
    sizesSection(result.sizes),
  ]
  return `# Performance

Generated by \`npm run bench -- --write\`; do not edit. Measured in Chromium ${machine.browser} on ${machine.cores} cores
(${machine.platform}), IndexedDB on disk, \`durability: 'relaxed'\` where nothing else is said: ${options.rounds} rounds with every
contender once in each, in shuffled order; medians, and the range in brackets. Each run has a new page and worker, and a
new database unless it is of a large log. An event has ${options.eventCharacters} characters of JSON and two tags; the events of a
commit are spread over ${options.streams} streams. Trust the ratios: absolute numbers are this machine's.

![How far each goal is reached: the tables below say the same](performance.svg)

${sections.join('\n')}`
}
