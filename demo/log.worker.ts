import { httpSync, serveLog } from 'tidelog/worker'
import { shop } from './shop.ts'

serveLog(shop, { sync: ({ log }) => httpSync(`/sync/${log}`) })
