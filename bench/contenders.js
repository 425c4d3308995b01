// Who is measured. `group` is what `--only` selects; `run` is the name in bench/page/main.ts where it is not the same;
// `job` is what is done otherwise than by the others; `fill` fills a database, once for all rounds, that `run` looks into, or
// it looks into that of another one, `data`; `also` is a second group that it is a part of.

/** Batches of a hundred events instead of a thousand. */
export const hundreds = { commits: 100, eventsPerCommit: 100, warmUpCommits: 20 }
const strict = { durability: 'strict' }
const tidelog = 'tidelog, from the page, a condition on every commit'
const record = 'IndexedDB, one record per commit, a JSON text'
const small = 10_000

export const contenders = [
  { name: 'log', group: 'append', text: tidelog },
  { name: 'logSplit', group: 'append', text: 'the same batches, with clocks in the worker' },
  { name: 'rawCommit', group: 'append', text: record },
  { name: 'dexie', group: 'append', text: 'Dexie bulkAdd, `++pk, &[stream+version]`' },
  { name: 'dexieTags', group: 'append', text: 'Dexie bulkAdd, the same and `*tags`' },
  { name: 'rxdb', group: 'append', text: 'RxDB bulkInsert over Dexie, `[stream+version]`' },
  { name: 'rawCommitAndNames', group: 'layout', text: `${record}, and a multiEntry index of stream names` },
  { name: 'rawCommitAndHeads', group: 'layout', text: `${record}, and a head row per touched stream` },
  { name: 'rawEvent', group: 'layout', text: 'IndexedDB, one record per event' },
  { name: 'logHundreds', run: 'log', group: 'append100', text: tidelog, job: hundreds },
  { name: 'rawHundreds', run: 'rawCommit', group: 'append100', text: record, job: hundreds },
  {
    name: 'dexieHundreds',
    run: 'dexie',
    group: 'append100',
    text: 'Dexie bulkAdd, `++pk, &[stream+version]`',
    job: hundreds,
  },
  { name: 'logStrict', run: 'log', group: 'strict', text: `${tidelog}: 1000 a commit`, job: strict },
  { name: 'rawStrict', run: 'rawCommit', group: 'strict', text: `${record}: 1000 a commit`, job: strict },
  {
    name: 'logStrictHundreds',
    run: 'log',
    group: 'strict',
    text: `${tidelog}: 100 a commit`,
    job: { ...hundreds, ...strict },
  },
  {
    name: 'rawStrictHundreds',
    run: 'rawCommit',
    group: 'strict',
    text: `${record}: 100 a commit`,
    job: { ...hundreds, ...strict },
  },
  { name: 'logSingle', group: 'single', text: 'tidelog, from the page' },
  { name: 'logSingleSplit', group: 'single', text: 'the same single appends, with clocks in the worker' },
  { name: 'rawSingle', group: 'single', text: 'IndexedDB, one record, in a worker' },
  { name: 'dexieSingle', group: 'single', text: 'Dexie bulkAdd of one event, in a worker' },
  { name: 'rxdbSingle', group: 'single', text: 'RxDB bulkInsert of one event, in a worker' },
  { name: 'logConcurrent', group: 'concurrent', text: 'tidelog, from the page' },
  { name: 'subscribe', group: 'subscribe', text: 'tidelog, from the page' },
  { name: 'large', fill: 'fillLarge', group: 'large', text: 'tidelog, from the page' },
  {
    name: 'largeSmall',
    run: 'largeOpen',
    fill: 'fillLarge',
    group: 'large',
    text: `tidelog, with ${small} events`,
    job: { largeEvents: small },
  },
  {
    name: 'largeCommit',
    fill: 'fillLargeCommit',
    group: 'large',
    also: 'model',
    text: `${record} of 100 events, in a worker`,
  },
  {
    name: 'largeIndex',
    fill: 'fillLargeIndex',
    group: 'large',
    also: 'model',
    text: 'IndexedDB, one record per event, a unique index of stream and version',
  },
  { name: 'largeEvent', run: 'none', fill: 'fillLargeEvent', group: 'large', text: 'IndexedDB, one record per event' },
  {
    name: 'largeDexie',
    fill: 'fillLargeDexie',
    group: 'large',
    also: 'model',
    text: 'Dexie toArray, `++pk, &[stream+version]`',
  },
  { name: 'model', fill: 'fillModel', group: 'model', text: 'tidelog, from the page' },
  { name: 'rowsInPage', data: 'model', group: 'model', text: 'tidelog, a read model that the page builds' },
  { name: 'rowsInWorker', data: 'model', group: 'model', text: 'tidelog, a read model that the worker builds' },
  { name: 'rawRows', group: 'model', text: 'IndexedDB, the same rows put, with indexes of the same, in a worker' },
  { name: 'dexieRows', group: 'model', text: 'Dexie bulkPut of the same rows, `cartId, total, customerId`' },
  { name: 'push', group: 'sync', text: 'push: pending commits, from `resume` until synced' },
  { name: 'pull', group: 'sync', text: 'pull of commits: a new device, from `openLog` until synced' },
  { name: 'firstSync', group: 'sync', text: 'first sync by segments: a new device, from `openLog` until synced' },
  {
    name: 'tail',
    group: 'sync',
    text: 'a foreign commit that touches one of a pending tail: pulled, and that one decided again',
  },
  { name: 'noTail', group: 'sync', text: 'the same foreign commit pulled on a device without a tail' },
]
