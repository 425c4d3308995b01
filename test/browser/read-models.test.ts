// The same as `test/read-models.test.ts`, on the IndexedDB and the BroadcastChannel of a real browser.
import { describeReadModels } from '../read-models/all.contract.ts'

describeReadModels()
