// All that is promised of consumers, for each place where it has to hold.
import { describeAutomation } from './automation.contract.ts'
import { describeFeed } from './feed.contract.ts'
import { describeHandling } from './handling.contract.ts'
import { describeCrossing } from './more-feed.contract.ts'
import { describeFailing } from './more-handling.contract.ts'
import { describeOpen } from './more-open.contract.ts'
import { describeTurns } from './more-runs.contract.ts'
import { describePending } from './pending.contract.ts'
import { describeRuns } from './runs.contract.ts'
import { describeTranslator } from './translator.contract.ts'
import { describeWeather } from './weather.contract.ts'

export function describeConsumers(): void {
  describeFeed()
  describeRuns()
  describeHandling()
  describePending()
  describeAutomation()
  describeTranslator()
  describeCrossing()
  describeTurns()
  describeFailing()
  describeOpen()
  describeWeather()
}
