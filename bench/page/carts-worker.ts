// An app's own worker, which writes the rows of a read model; its name is the version of that.
import { serveLog } from 'tidelog/worker'
import { cartsLog, cartsModel, inWorker } from './carts.ts'

serveLog(cartsLog(cartsModel(inWorker, Number(name))))
postMessage('started')
