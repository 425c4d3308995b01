// The browsers that `npm run test:engines` runs the tests of `test/browser` in, and what can not run there.

export type EngineName = 'chromium-leveldb' | 'chromium-sqlite' | 'firefox' | 'webkit'

export interface Engine {
  readonly name: EngineName
  readonly title: string
  /** What its pages and workers call themselves, and no other engine does. */
  readonly userAgent: RegExp
  /** What IndexedDB keeps its rows in, as found in the profile. */
  readonly storage: 'leveldb' | 'sqlite'
}

export const engines: readonly Engine[] = [
  { name: 'chromium-leveldb', title: 'Chromium, LevelDB on disk', userAgent: /Chrome\/\d/, storage: 'leveldb' },
  { name: 'chromium-sqlite', title: 'Chromium, SQLite on disk', userAgent: /Chrome\/\d/, storage: 'sqlite' },
  { name: 'firefox', title: 'Firefox ESR', userAgent: /Gecko\/\d+ Firefox\/\d/, storage: 'sqlite' },
  {
    name: 'webkit',
    title: 'WebKitGTK',
    userAgent: /AppleWebKit\/[\d.]+ \(KHTML, like Gecko\) Version\/[\d.]+ Safari\//,
    storage: 'sqlite',
  },
]

export const engineOf = (name: string): Engine => {
  const found = engines.find((engine) => engine.name === name)
  if (found === undefined) throw new Error(`there is no engine ${name}`)
  return found
}

export interface Limit {
  readonly engines: readonly EngineName[]
  readonly file: string
  /** How the name of the test begins; without it, the whole file. */
  readonly test?: string
  /** What the engine lacks, or what can not be done to it from here. Never a fault of ours. */
  readonly reason: string
}

export const limits: readonly Limit[] = [
  {
    engines: ['firefox', 'webkit'],
    file: 'test/browser/storage.test.ts',
    test: 'a full disk is an outcome',
    reason: 'The quota is set through the DevTools protocol, which only Chromium speaks.',
  },
  {
    engines: ['firefox', 'webkit'],
    file: 'test/browser/storage.test.ts',
    test: 'storage that is cleared',
    reason: 'It is cleared through the DevTools protocol, which only Chromium speaks.',
  },
  {
    engines: ['webkit'],
    file: 'test/browser/storage-entry.test.ts',
    test: 'the room of the origin is told',
    reason: 'MiniBrowser has no `navigator.storage.estimate` unless it is switched on.',
  },
  {
    engines: ['webkit'],
    file: 'test/browser/blocking.test.ts',
    test: 'a tab that freezes right after',
    reason:
      'WebKit hands a transaction over piece by piece, as its thread hears answers: one that stops on the way holds it, `commit()` or not.',
  },
  {
    engines: ['webkit'],
    file: 'test/browser/storage.test.ts',
    test: 'a worker that dies with its database',
    reason:
      'A worker that is terminated leaves its connection open in about a fourth of 160 rounds, and a deletion waits for that for ever.',
  },
]

/** The row that keeps a test from running in an engine. */
export const limitOf = (engine: string, file: string, test: string): Limit | undefined =>
  limits.find(
    (limit) =>
      limit.engines.some((name) => name === engine) &&
      limit.file === file &&
      (limit.test === undefined || test.startsWith(limit.test)),
  )
