// Asks another server for each request, and answers with the headers that this one was sent. Ends after one.
import { createServer, get } from 'node:http'

const listening = (listener) =>
  new Promise((resolve) => {
    const server = createServer(listener)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
const behind = await listening((request, response) => {
  response.setHeader('connection', 'close')
  behind.close()
  response.end(JSON.stringify(request.headers))
})
const front = await listening((request, response) => {
  get(`http://127.0.0.1:${behind.address().port}/`, (answer) => answer.pipe(response))
  front.close()
})
process.stdout.write(`${front.address().port}\n`)
