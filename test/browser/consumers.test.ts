// The same as `test/consumers.test.ts`, on the IndexedDB and the BroadcastChannel of a real browser.
import { describeAutomation } from '../consumers/automation.contract.ts'
import { describeFeed } from '../consumers/feed.contract.ts'
import { describeHandling } from '../consumers/handling.contract.ts'
import { describeCrossing } from '../consumers/more-feed.contract.ts'
import { describeFailing } from '../consumers/more-handling.contract.ts'
import { describeOpen } from '../consumers/more-open.contract.ts'
import { describeTurns } from '../consumers/more-runs.contract.ts'
import { describePending } from '../consumers/pending.contract.ts'
import { describeRuns } from '../consumers/runs.contract.ts'
import { describeWeather } from '../consumers/weather.contract.ts'

describeFeed()
describeRuns()
describeHandling()
describePending()
describeAutomation()
describeCrossing()
describeTurns()
describeFailing()
describeOpen()
describeWeather()
