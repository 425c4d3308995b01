// The worker of an app with deciders.
import { serveLog } from 'tidelog/worker'
import { carts } from '../react-model.ts'

serveLog(carts)
