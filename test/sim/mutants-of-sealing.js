// Defects of segments, checkpoints and pruning, to plant one at a time; see `mutants.js`.
import { edit } from './mutants-of-sync.js'

const seal = 'src/log/seal.ts'
const view = 'src/log/view.ts'
const checkpoint = 'src/log/checkpoint.ts'
const reader = 'src/log/reader.ts'
const host = 'worker/open-log.ts'

export const sealing = [
  [
    'versions begin anew in a segment',
    'An event keeps its version',
    edit(seal, 'countOf(stream) - (again.get(stream) ?? 0)', '0'),
  ],
  [
    'sealed while a commit waits to be decided again',
    'A checkpoint says all that a view knows',
    edit(view, 'this.pending.touched.size === 0 && ', ''),
  ],
  [
    'a checkpoint without the queue',
    'What is acknowledged is not lost',
    edit(view, 'for (const { commit, revision } of saved.pending) this.pending.push(commit, revision)', ''),
  ],
  [
    'a page from before and after a seal',
    'A page is read from one moment',
    edit(reader, 'if (view.sealed !== sealed) throw new SegmentGone()', ''),
  ],
  [
    'places from before a seal',
    'A page is read from one moment',
    edit(
      'src/log/content.ts',
      'if (Math.min(...positions) <= this.#view.sealed.head.position) throw new SegmentGone()',
      '',
    ),
  ],
  [
    'sealed twice',
    'A segment stands for what was sealed when it was made',
    edit(seal, 'view.sealed === packed.sealed && view.canBeSaved', 'view.canBeSaved'),
  ],
  [
    'a segment that nobody is told of',
    'A seal is a write',
    edit(
      view,
      'this.sealed = this.sealed.with(segment)\n    this.confirmed.forget(segment.last)',
      'if (segment.last < 0) this.sealed = this.sealed.with(segment)\n    this.confirmed.forget(segment.last)',
    ),
  ],
  [
    'pruning without the views lock',
    'Rows are pruned by a worker that is alone',
    edit(
      host,
      'await locks.request(viewsLock(name), alone, () => prune(store, keptRows)).catch(() => {})',
      'await prune(store, keptRows).catch(() => {})',
    ),
    edit('src/log/catch-up.ts', '!(await restoreView(store, view))', 'view.revision >= 0'),
  ],
  [
    'pruning what a checkpoint needs',
    'Nothing is pruned that a view needs',
    edit(
      checkpoint,
      'Math.min(tailFrom, view.revision - keptRows, ...view.pending.map(({ revision }) => revision))',
      'view.revision + 40',
    ),
  ],
]
