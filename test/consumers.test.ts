// Subscriptions and what is built on them, over an IndexedDB in memory; `test/browser` runs the same in a real browser.
import 'fake-indexeddb/auto'
import { describeConsumers } from './consumers/all.contract.ts'

describeConsumers()
