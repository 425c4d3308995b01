// Defects of segments that come from the server, to plant one at a time; see `mutants.js`.
import { edit } from './mutants-of-sync.js'

const download = 'src/log/download.ts'
const downloads = 'src/sync/download.ts'
const view = 'src/log/view.ts'

export const downloading = [
  [
    'a segment that holds what is pending',
    'Only the pull settles',
    edit(download, 'if (find(termOf.commit(commit.id)) !== undefined || partsFor', 'if (partsFor'),
  ],
  [
    'a segment that a condition looks at',
    'What is pending is decided again when something touched it',
    edit(download, ' || partsFor(selectors, find, partCount).length > 0', ''),
  ],
  [
    'a segment over what is not sealed',
    'Segments have no gap',
    edit(download, 'sealed.head.position !== position || ', ''),
  ],
  [
    'a segment that does not follow',
    'What comes follows the confirmed head',
    edit(download, 'position !== first - 1 || confirmed.head.digest !== digestBefore', 'first < 1'),
  ],
  [
    'counts from before a segment',
    'An event keeps its version',
    edit(
      view,
      'this.confirmed.start(this.sealed.head)\n    this.#sealedCounts.clear()',
      'this.confirmed.start(this.sealed.head)',
    ),
  ],
  [
    'a page cut without its end',
    'A page ends with its commits',
    edit(downloads, 'return { ...page, commits: kept, through: end }', 'return { ...page, commits: kept }'),
  ],
  [
    'versions begin anew in a segment of the server',
    'An event keeps its version',
    edit('server/seal.ts', 'counts.get(stream) ?? 0', '0'),
  ],
]
