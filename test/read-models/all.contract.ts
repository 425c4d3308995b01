// All that is promised of read models, for each place where it has to hold.
import { describeBuilding } from './building.contract.ts'
import { describeKeys } from './keys.contract.ts'
import { describeLive } from './live.contract.ts'
import { describePoison } from './poison.contract.ts'
import { describeQueries } from './queries.contract.ts'

export function describeReadModels(): void {
  describeKeys()
  describeQueries()
  describeBuilding()
  describePoison()
  describeLive()
}
