// The least that holds a stream of server-sent events open with Node: what an idle client costs at best.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
let live = 0
const server = createServer((request, response) => {
  live += 1
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' })
  response.write(':\n\n')
  const beating = setInterval(() => response.write(':\n\n'), 15_000)
  request.once('close', () => {
    live -= 1
    clearInterval(beating)
  })
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
process.on('message', () => {
  collect()
  collect()
  process.send?.({ ...process.memoryUsage(), live })
})
process.once('disconnect', () => process.exit())
