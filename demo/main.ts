import { log } from './log.ts'
import { playPublisher } from './outside/publisher.ts'
import { registerServiceWorker } from './pwa.ts'
import { createActions } from './ui/actions.ts'
import { mountStorageBanner } from './ui/banner.ts'
import { mountBookDoor } from './ui/book-door.ts'
import { mountCart } from './ui/cart.ts'
import { mountFreshStart } from './ui/fresh-start.ts'
import { mountJumps } from './ui/jump.ts'
import { mountLogPane } from './ui/log-pane.ts'
import { mountNotices } from './ui/notices.ts'
import { mountRefused } from './ui/refused.ts'
import { mountShelf } from './ui/shelf.ts'
import { mountSyncPane } from './ui/sync-pane.ts'

const notices = mountNotices()
const actions = createActions(log, notices)
mountStorageBanner(log)
mountSyncPane(log, notices)
mountFreshStart(log, notices)
mountShelf(log, actions)
mountCart(log, actions)
mountRefused(log, actions, notices)
mountLogPane(log, actions)
mountBookDoor(notices)
mountJumps()
playPublisher()
void registerServiceWorker()
