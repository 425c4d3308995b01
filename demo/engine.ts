// The engine room: the event model of the shop at work, and the outside world to play with.

import { log } from './log.ts'
import { playPublisher } from './outside/publisher.ts'
import { registerServiceWorker } from './pwa.ts'
import { mountStorageBanner } from './ui/banner.ts'
import { mountEventModel } from './ui/event-model.ts'
import { mountFreshStart } from './ui/fresh-start.ts'
import { mountJumps } from './ui/jump.ts'
import { mountNotices } from './ui/notices.ts'
import { mountOutside } from './ui/outside.ts'
import { mountReadModels } from './ui/read-models.ts'
import { mountSyncPane } from './ui/sync-pane.ts'
import { mountWorkQueue } from './ui/work-queue.ts'

const notices = mountNotices()
mountStorageBanner(log)
mountSyncPane(log, notices)
mountFreshStart(log, notices)
mountEventModel(log)
mountOutside(log, notices).catch((error: unknown) => notices.refuse(String(error)))
mountWorkQueue(log, notices)
mountReadModels(log, notices)
mountJumps()
playPublisher()
void registerServiceWorker()
