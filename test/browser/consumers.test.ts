// The same as `test/consumers.test.ts`, on the IndexedDB and the BroadcastChannel of a real browser.
import { describeConsumers } from '../consumers/all.contract.ts'

describeConsumers()
