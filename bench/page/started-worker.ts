// The package's own worker, which says when it has started: what loading costs is not the log's.
import { expose } from 'comlink'
import { createBrowserHost } from '../../worker/browser-host.ts'

expose(createBrowserHost({}))
postMessage('started')
