// The package's worker, but it packs what is confirmed so soon that kills meet it at every step.
import { expose } from 'comlink'
import { createBrowserHost } from '../../../worker/browser-host.ts'

expose(createBrowserHost({ sealing: { from: 30, max: 400, smallMax: 4, keptRows: 50 } }))
