// The package's own worker, for an app that brings none.
import { expose } from 'comlink'
import { createBrowserHost } from './browser-host.ts'

expose(createBrowserHost({}))
