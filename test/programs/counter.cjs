// A small program without a line about tracing, behind a sidecar: for each request it asks the service `stock`, which is
// where its parent says, for the same path.
const { createServer, get } = require('node:http')

let next
process.on('message', (address) => (next = address))
process.on('disconnect', () => process.exit())

const server = createServer((request, response) => {
  get(`${next}${request.url}`, { headers: { host: 'stock' } }, (answer) => {
    answer.resume()
    response.writeHead(answer.statusCode).end()
  })
})
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
