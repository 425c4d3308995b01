// Read models over an IndexedDB in memory; `test/browser` runs the same in a real browser.
import 'fake-indexeddb/auto'
import { describeReadModels } from './read-models/all.contract.ts'

describeReadModels()
