// The worker of an app whose rows it writes.
import { serveLog } from 'tidelog/worker'
import { shop, stock } from '../../read-models/stock.ts'

serveLog({ ...shop, readModels: [stock] })
