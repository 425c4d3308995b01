// Who is measured, and what has to come out. The names are those of bench/page/main.ts.

/** `group` is what `--only` selects. */
export const contenders = [
  { name: 'log', group: 'append', text: 'tidelog, from the page, a condition on every commit' },
  { name: 'logSplit', group: 'append', text: 'the same batches, with clocks in the worker' },
  { name: 'rawCommit', group: 'append', text: 'IndexedDB, one record per commit, a JSON text' },
  { name: 'rawCommitAndNames', group: 'layout', text: 'the same, and a multiEntry index of stream names' },
  { name: 'rawCommitAndHeads', group: 'layout', text: 'the same without index, and a head row per touched stream' },
  { name: 'rawEvent', group: 'layout', text: 'IndexedDB, one record per event' },
  { name: 'dexie', group: 'append', text: 'Dexie bulkAdd, `++pk, &[stream+version]`' },
  { name: 'dexieTags', group: 'append', text: 'Dexie bulkAdd, the same and `*tags`' },
  { name: 'logSingle', group: 'single', text: 'tidelog, from the page' },
  { name: 'logSingleSplit', group: 'single', text: 'the same single appends, with clocks in the worker' },
  { name: 'rawSingle', group: 'single', text: 'IndexedDB, one record, in a worker' },
  { name: 'dexieSingle', group: 'single', text: 'Dexie bulkAdd of one event, in a worker' },
  { name: 'logConcurrent', group: 'concurrent', text: 'tidelog, from the page' },
  { name: 'large', group: 'large', text: 'tidelog, from the page' },
  { name: 'push', group: 'sync', text: 'push: pending commits, from `resume` until synced' },
  { name: 'pull', group: 'sync', text: 'pull: a new device, from `openLog` until synced' },
  {
    name: 'tail',
    group: 'sync',
    text: 'a foreign commit that touches one of a pending tail: pulled, and that one decided again',
  },
  { name: 'noTail', group: 'sync', text: 'the same foreign commit pulled on a device without a tail' },
]

/**
 * What is compared: `of` over the best of `to`, round by round, so that load on the machine falls on both. A ratio of
 * times (`Ms`) is better when it is small, every other one when it is large. Without a `goal` it is only watched; without
 * `to` it is a number of this machine.
 */
export const ratios = [
  {
    id: 'append-dexie',
    text: 'batched append ÷ the faster Dexie bulkAdd',
    measure: 'appendedPerSecond',
    of: 'log',
    to: ['dexie', 'dexieTags'],
    goal: 6,
  },
  {
    id: 'append-raw',
    text: 'batched append ÷ raw commit records',
    measure: 'appendedPerSecond',
    of: 'log',
    to: ['rawCommit'],
    goal: 0.45,
  },
  {
    id: 'single-raw',
    text: 'time of a single append ÷ a raw one-record transaction',
    measure: 'singleMs',
    of: 'logSingle',
    to: ['rawSingle'],
    goal: 2,
  },
  {
    id: 'read-raw',
    text: 'full read, from the page ÷ raw read and parse in the worker',
    measure: 'readPerSecond',
    of: 'log',
    to: ['rawCommit'],
  },
  {
    id: 'layout-names',
    text: 'commit records with an index of names ÷ without',
    measure: 'appendedPerSecond',
    of: 'rawCommitAndNames',
    to: ['rawCommit'],
  },
  {
    id: 'layout-heads',
    text: 'commit records with head rows ÷ without',
    measure: 'appendedPerSecond',
    of: 'rawCommitAndHeads',
    to: ['rawCommit'],
  },
  {
    id: 'layout-event',
    text: 'event records ÷ commit records',
    measure: 'appendedPerSecond',
    of: 'rawEvent',
    to: ['rawCommit'],
  },
  { id: 'push', text: 'push of pending commits, events/s', measure: 'pushedPerSecond', of: 'push', goal: 5000 },
  { id: 'pull', text: 'pull on a new device, events/s', measure: 'pulledPerSecond', of: 'pull', goal: 50_000 },
  {
    id: 'tail',
    text: 'time of a pull and rebase with a pending tail ÷ of the pull without one',
    measure: 'caughtUpMs',
    of: 'tail',
    to: ['noTail'],
    goal: 2,
  },
]

export const isTime = (measure) => /Ms(?:P\d+)?$/.test(measure)
